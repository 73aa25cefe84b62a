"""Scenarios that have moved arms when they should not: each a list of events, see search_script."""

from search_script import Event

START: list[Event] = [('wait', None, 10), ('rearm', None, 5)]
X, TURN, REST = (1, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 1), (0,) * 6
EPISODE: list[Event] = [('phase', 'resetting', 5), ('phase', 'running', 5)]
SCENARIOS: dict[str, list[Event]] = {
    'a person moves the arm': [
        *(('human', X, 60), ('human', None, 30)),
        *(('human', (0, -1, 0.5, 0, 0, 0.5), 60), ('human', None, 40)),
    ],
    'all axes, to the walls': [
        *(('human', (0.6, 0.6, 0.5, 0.6, 0.6, 0.5), 150), ('human', None, 20)),
        *(('human', (-0.6, -0.6, -0.5, -0.6, -0.6, -0.5), 150), ('human', None, 20)),
    ],
    'to a stretched arm': [
        *(('human', (3, 0, 3, 0, 0, 0), 300), ('human', (0, 0, 0, 1, 1, 1), 60)),
        ('human', (-3, 0, -3, 0, 0, 0), 100),
    ],
    'along a wall': [('human', (0, 3, 0, 0, 0, 0), 150), ('human', (0, 1, -3, 0, 0, 1), 150)],
    'stopped while it moves': [
        *(('human', X, 40), ('stop', None, 60)),
        *(('human', None, 5), ('rearm', None, 30)),
    ],
    'pushed while stopped': [
        *(('stop', None, 30), ('push', (0.2, 0.1, 0, 0, 0, 0, 0), 40)),
        *(('push', REST, 60), ('rearm', None, 40)),
    ],
    'pushed hard': [
        *(('push', (0.8, 0.5, 0.3, 1, 1, 1, 1), 20), ('push', REST, 60)),
        *(('rearm', None, 40), ('human', X, 30)),
    ],
    'pushed out of the box and in': [
        *(('push', (0.25, 0.1, 0), 50), ('push', REST, 20), ('rearm', None, 20)),
        *(('push', (-0.25, -0.1, 0), 50), ('push', REST, 60)),
    ],
    'blocked by something': [
        *(('block', True, 0), ('human', X, 100), ('human', None, 40)),
        ('block', False, 60),
    ],
    'blocked while it turns': [
        *(('block', True, 0), ('human', TURN, 100), ('human', None, 40)),
        *(('block', False, 60), ('rearm', None, 30)),
    ],
    'blocked, then stopped': [
        *(('block', True, 0), ('human', (0.7, 0.7, 0, 0.7, 0.7, 0), 100), ('stop', None, 60)),
        *(('block', False, 60), ('rearm', None, 20)),
    ],
    'taken over while it lags': [
        *(('lag', 0.4, 0), *EPISODE, ('policy', X, 60), ('human', REST, 60)),
        *(('human', None, 10), ('release', None, 40)),
    ],
    'a wrist passes pi while stopped': [
        *(('wraps', True, 0), ('stop', None, 30), ('push', (0, 0, 0, 0, 0, 1.5, 0), 120)),
        *(('push', REST, 60), ('rearm', None, 60), ('human', TURN, 60)),
    ],
    'stamps that run ahead': [
        *(('silence', 'stamps', 20), ('push', (1.5, 0, 0, 0, 0, 0), 20)),
        *(('push', REST, 20), ('rearm', None, 10)),
    ],
    'suspended for an hour': [
        *(('human', X, 40), ('pause', 3600.0, 30), ('human', None, 10)),
        *(('rearm', None, 30), ('human', X, 20)),
    ],
    'late ticks': [
        *(('human', X, 40), ('pause', 0.2, 10), ('pause', 0.24, 10)),
        ('pause', 0.26, 40),
    ],
    'pushed during a pause': [
        *(('push', (0.3, 0, 0), 0), ('pause', 0.5, 20)),
        *(('push', REST, 30), ('rearm', None, 20)),
    ],
    'rearmed while it is pushed': [
        ('stop', None, 30),
        ('push', (0.4, 0, 0), 3),
        ('rearm', None, 9),
    ],
    'a driver that falls silent': [
        *(('human', X, 40), ('silence', 'driver', 4), ('silence', 'driver', 20)),
        *(('silence', 'driver', 30), ('silence', 'driver', 30)),
        *(('human', None, 5), ('rearm', None, 30)),
    ],
    'pushed while the driver is silent': [
        *(('human', X, 20), ('silence', 'driver', 1), ('push', (0.2, 0, 0), 10)),
        *(('push', REST, 0), ('silence', 'driver', 60), ('human', None, 5), ('rearm', None, 20)),
    ],
    'a fault, cleared': [
        *(('human', X, 40), ('fault', True, 10), ('push', (0.2, 0.2, 0), 20)),
        *(('push', REST, 0), ('fault', False, 60), ('human', None, 5)),
        *(('rearm', None, 40), ('human', X, 30)),
    ],
    'an arm that sags': [
        *(('sag', 0.03, 60), ('human', X, 20), ('human', None, 20)),
        *(('stop', None, 60), ('rearm', None, 60)),
    ],
    'fingers moved by somebody else': [
        *(('grip', 1.0, 0), ('human', REST, 20), ('human', None, 5), ('stop', None, 10)),
        *(('fingers', 0.05, 40), ('rearm', None, 40), ('human', REST, 20)),
    ],
    'a person comes near': [
        *(('human', X, 30), ('zone', 1, 40), ('human', (0, 1, 0, 0, 0, 1), 40)),
        *(('human', None, 20), ('zone', 2, 10), ('zone', 0, 10), ('rearm', None, 20)),
    ],
    'the enabling switch': [
        *(*EPISODE, ('policy', X, 40), ('enable', False, 30), ('enable', True, 30)),
        *(('silence', 'enable', 40), ('silence', 'enable', 10)),
    ],
    'devices fall silent': [
        *(('human', X, 20), ('silence', 'zone', 30), ('silence', 'zone', 10)),
        *(('human', None, 3), ('rearm', None, 10), ('human', X, 20)),
        *(('silence', 'lock', 30), ('silence', 'lock', 10), ('rearm', None, 10)),
    ],
    'the clock is set back': [
        *(*EPISODE, ('policy', X, 30), ('clock', -3600.0, 60), ('clock', 3600.0, 30)),
    ],
}
