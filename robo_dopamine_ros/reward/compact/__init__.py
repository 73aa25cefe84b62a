"""The compact GRM: a small multi-view network that learns a task from one demonstration."""

from robo_dopamine_ros.reward.compact.loading import load
from robo_dopamine_ros.reward.grm import ModelError

__all__ = ['ModelError', 'load']
