"""The two families of vision-language models that GRMs were published in, and what tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from robo_dopamine_ros.reward.grm import ModelError
from robo_dopamine_ros.reward.vlm.engine import Shape


@dataclass(frozen=True)
class Family:
    """Facts that hold for every checkpoint of a family."""

    name: str  # what config.json calls it, as model_type
    architecture: str  # its class in transformers
    factor: int  # picture sides are multiples of it [px]
    known: str  # published GRMs of it


FAMILIES = {
    family.name: family
    for family in (
        Family('qwen2_5_vl', 'Qwen2_5_VLForConditionalGeneration', 28, 'GRM-3B, GRM-8B'),
        Family('qwen3_vl', 'Qwen3VLForConditionalGeneration', 32, 'GRM-2.0-4B, GRM-2.0-8B'),
    )
}


def family_of(config: Mapping[str, Any], source: object = 'config.json') -> Family:
    """Family of a checkpoint by its config.json; ModelError naming `source` and what would do."""
    found = config.get('model_type')
    architectures = config.get('architectures') or []
    family = FAMILIES.get(found) if isinstance(found, str) else None
    if family is None or (architectures and family.architecture not in architectures):
        told = ', '.join(map(str, architectures)) or f'model_type {found!r}'
        wanted = ' or '.join(f'{known.architecture} ({known.known})' for known in FAMILIES.values())
        raise ModelError(f'{source}: architecture {told}; a GRM is of {wanted}')
    return family


def shape_of(model: Any, height: int, width: int) -> Shape:
    """Sizes of a transformers model that looks at pictures of height x width px."""
    text, vision = model.config.text_config, model.config.vision_config
    factor = vision.patch_size * vision.spatial_merge_size
    if height % factor or width % factor or min(height, width) < factor:
        raise ValueError(f'picture of {height} x {width} px; both must be multiples of {factor}')
    return Shape(
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
