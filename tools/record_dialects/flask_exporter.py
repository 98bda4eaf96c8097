"""Record prometheus-flask-exporter."""

from _apps import flask_app
from _record import record, serve_wsgi
from prometheus_flask_exporter import PrometheusMetrics

app = flask_app()
PrometheusMetrics(app)
record(
    ["prometheus-flask-exporter", "flask"],
    lambda name: name.startswith("flask_http_request") and "_created" not in name,
    serve_wsgi(app),
)
