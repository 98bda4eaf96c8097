"""Real servers for the exporter's tests."""

from cassandra import start_cassandra
from celery_apps import celery_on
from kafka import start_kafka
from memcached import start_memcached
from mongodb import start_ferretdb
from mysql import start_mysql
from pgbouncer import start_pgbouncer
from postgres import postgres, start_postgres
from rabbitmq import start_rabbitmq
from servers import promtool, start_exporter, start_redis

__all__ = [
    "celery_on",
    "postgres",
    "promtool",
    "start_cassandra",
    "start_exporter",
    "start_ferretdb",
    "start_kafka",
    "start_memcached",
    "start_mysql",
    "start_pgbouncer",
    "start_postgres",
    "start_rabbitmq",
    "start_redis",
]
