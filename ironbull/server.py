"""gunicorn's worker for ASGI, with streams that end as soon as it is told to stop."""

from gunicorn.workers.gasgi import ASGIWorker


class Worker(ASGIWorker):
    def handle_exit_signal(self):
        self.end_streams()
        super().handle_exit_signal()

    def handle_quit_signal(self):
        self.end_streams()
        super().handle_quit_signal()

    def end_streams(self):
        self.asgi.hub.end()
