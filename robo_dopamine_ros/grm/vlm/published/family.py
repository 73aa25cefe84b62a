"""The two families of vision-language models of the published GRMs, and how to recognise them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robo_dopamine_ros.grm.protocol import ModelError
from robo_dopamine_ros.grm.vlm.engine import NetworkShape


@dataclass(frozen=True)
class ModelFamily:
    """Properties of all checkpoints of a family."""

    name: str  # model_type in config.json
    architecture: str  # model class in transformers
    factor: int  # image sides are multiples of it [px]
    published_models: str  # published GRMs of the family


FAMILIES = {
    family.name: family
    for family in (
        ModelFamily('qwen2_5_vl', 'Qwen2_5_VLForConditionalGeneration', 28, 'GRM-3B, GRM-8B'),
        ModelFamily('qwen3_vl', 'Qwen3VLForConditionalGeneration', 32, 'GRM-2.0-4B, GRM-2.0-8B'),
    )
}


def detect_family(config: Mapping[str, Any], source: object = 'config.json') -> ModelFamily:
    """Family of a checkpoint by its config.json; ModelError, naming `source`, if unsupported."""
    found = config.get('model_type')
    architectures = config.get('architectures') or []
    family = FAMILIES.get(found) if isinstance(found, str) else None
    if family is None or (architectures and family.architecture not in architectures):
        architecture = ', '.join(map(str, architectures)) or f'model_type {found!r}'
        supported = ' or '.join(
            f'{known.architecture} ({known.published_models})' for known in FAMILIES.values()
        )
        raise ModelError(f'{source}: architecture {architecture}; a GRM is of {supported}')
    return family


def network_shape(model: Any, height: int, width: int) -> NetworkShape:
    """Sizes of a transformers model for images of height x width px; ValueError for other sizes."""
    text, vision = model.config.text_config, model.config.vision_config
    factor = vision.patch_size * vision.spatial_merge_size
    if height % factor or width % factor or min(height, width) < factor:
        raise ValueError(f'picture of {height} x {width} px; both must be multiples of {factor}')
    return NetworkShape(
        family=model.config.model_type,
        layers=text.num_hidden_layers,
        heads_kv=text.num_key_value_heads,
        head_dim=model.model.language_model.layers[0].self_attn.head_dim,
        hidden=text.hidden_size,
        deepstack=len(getattr(vision, 'deepstack_visual_indexes', ())),
        height=height,
        width=width,
        rows=height // factor,
        columns=width // factor,
    )
