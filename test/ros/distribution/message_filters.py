"""Stands in for the distribution's package: the same calls, the simplest matching."""


class Subscriber:
    def __init__(self, node, message_type, topic, **quality):
        self.callbacks = []
        self.sub = node.create_subscription(message_type, topic, self.callback, **quality)

    def registerCallback(self, callback, *arguments):  # noqa: N802
        self.callbacks.append((callback, arguments))

    def callback(self, message):
        for callback, arguments in self.callbacks:
            callback(message, *arguments)


class ApproximateTimeSynchronizer:
    def __init__(self, filters, queue_size, slop):
        self.slop = slop
        self.newest = [None] * len(filters)
        self.callbacks = []
        for index, one in enumerate(filters):
            one.registerCallback(self.add, index)

    def registerCallback(self, callback):  # noqa: N802
        self.callbacks.append(callback)

    def add(self, message, index):
        self.newest[index] = message
        if all(self.newest):
            stamps = [m.header.stamp.sec + m.header.stamp.nanosec * 1e-9 for m in self.newest]
            if max(stamps) - min(stamps) < self.slop:
                for callback in self.callbacks:
                    callback(*self.newest)
                self.newest = [None] * len(self.newest)
