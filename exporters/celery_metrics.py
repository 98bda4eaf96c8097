"""What is told of Celery, under the names of danihodovic/celery-exporter; its own are ``seawall_celery_…``."""

from typing import Final

from .declaration import MetricInfo, counter, gauge, histogram

OTHERS: Final = "others"
"""The value of every label of what is beyond the bounds."""
UNKNOWN: Final = "unknown"
"""A task or a queue of which no event told the name."""

_TASK: Final = ("name", "hostname", "queue_name")

STATES: Final = {
    "task-sent": counter("celery_task_sent_total", "", "Messages published; hostname is the sender's.", *_TASK),
    "task-received": counter("celery_task_received_total", "", "Tasks that workers took.", *_TASK),
    "task-started": counter("celery_task_started_total", "", "Tasks that workers began.", *_TASK),
    "task-succeeded": counter("celery_task_succeeded_total", "", "Tasks that succeeded.", *_TASK),
    "task-failed": counter(
        "celery_task_failed_total", "", "Tasks that failed, by the class of the exception.", *_TASK, "exception"
    ),
    "task-rejected": counter("celery_task_rejected_total", "", "Tasks that workers gave back or dropped.", *_TASK),
    "task-revoked": counter("celery_task_revoked_total", "", "Tasks that were revoked or had expired.", *_TASK),
    "task-retried": counter("celery_task_retried_total", "", "Attempts that failed and will be repeated.", *_TASK),
}
RUNTIME: Final = histogram("celery_task_runtime", "seconds", "How long tasks that succeeded ran.", *_TASK)
QUEUE_WAIT: Final = histogram(
    "celery_task_queue_wait_time", "seconds", "From a message's publication, or its ETA, to the task's start.", *_TASK
)
RUNTIME_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
WAIT_BOUNDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
FOLDED_EVENTS: Final = counter(
    "seawall_celery_folded_events_total", "", "Events counted as others, or of workers left out: there were too many."
)
DISCARDED_EVENTS: Final = counter(
    "seawall_celery_discarded_events_total", "", "Events and answers that could not be understood."
)

WORKER_UP: Final = gauge("celery_worker_up", "", "1 while the worker is heard of, 0 once it fell silent.", "hostname")
TASKS_ACTIVE: Final = gauge("celery_worker_tasks_active", "", "Tasks that the worker has in hand now.", "hostname")
PROCESSED: Final = counter(
    "seawall_celery_worker_processed_total",
    "",
    "Tasks that the worker began, sends it events or not.",
    "hostname",
)
PROCESSES: Final = gauge("seawall_celery_worker_processes", "", "Tasks that the worker can do at a time.", "hostname")
TASK_EVENTS: Final = gauge(
    "seawall_celery_worker_task_events",
    "",
    "1 if the worker tells of its tasks, 0 if it does tasks and tells of none: start it with -E.",
    "hostname",
)
LENGTH: Final = gauge("celery_queue_length", "", "Messages in the queue that no worker took.", "queue_name")
CONSUMERS: Final = gauge("celery_active_consumer_count", "", "Consumers of the queue; of AMQP alone.", "queue_name")
WORKERS: Final = gauge("celery_active_worker_count", "", "Workers of the queue that are heard of.", "queue_name")
PROCESS_COUNT: Final = gauge("celery_active_process_count", "", "Tasks that its workers do at a time.", "queue_name")

TASK_METRICS: Final[tuple[MetricInfo, ...]] = (*STATES.values(), RUNTIME, QUEUE_WAIT, FOLDED_EVENTS, DISCARDED_EVENTS)
WORKER_METRICS: Final = (WORKER_UP, TASKS_ACTIVE, PROCESSED, PROCESSES, TASK_EVENTS)
QUEUE_METRICS: Final = (LENGTH, CONSUMERS, WORKERS, PROCESS_COUNT)
