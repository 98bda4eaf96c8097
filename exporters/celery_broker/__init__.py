"""What asks the broker of Celery; imported when a celery service is probed, as it needs kombu."""
