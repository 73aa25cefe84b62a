"""What a person does next in a cell that has come up: drive, begin an episode, stop."""

from collections.abc import Collection, Sequence

from robo_dopamine_ros.nodes.cell import Process

DEVICES = {'joy': 'the gamepad', 'spacenav': 'the SpaceMouse', 'keyboard': 'the keyboard'}


def next_steps(processes: Sequence[Process], without: Collection[str], namespace: str) -> list[str]:
    """Return a line for everything that a person can do in a cell, with the command for it."""
    running = {process.executable: process for process in processes}
    option = f' --namespace {namespace}' if namespace else ''
    lines = []
    if 'teleop' in running:
        device = str(running['teleop'].parameters.get('device', 'joy'))
        by = DEVICES.get(device, device)
        lines.append(f'drive: by {by}; start again with --without teleop for another device')
    elif 'gate' in running:
        own = '' if 'teleop' in without else ', if the cell has no other device'
        lines.append(f'drive: robo-dopamine teleop{option} in another terminal{own}')
    if 'episode_manager' in running:
        parameters = running['episode_manager'].parameters
        task = '' if parameters.get('episodes.task') else " 'WHAT IS TO BE DONE'"
        series = '; the others follow' if parameters.get('episodes.auto_start') else ''
        lines.append(f'episode: robo-dopamine episode start{task}{option}{series}')
        lines.append(f'its end: robo-dopamine episode end success{option}, or failure')
    if 'gate' in running:
        look = 'first look that nobody is near the arm'
        lines.append(f'arm it, also after a stop: robo-dopamine rearm{option}; {look}')
    shown = f'robo-dopamine topics; robo-dopamine episode list{option}'
    return [*lines, f'look: {shown}', 'end: Ctrl-C here']
