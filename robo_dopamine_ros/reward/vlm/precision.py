"""In which types a network may be compiled; known without torch, so that commands can tell it."""

PRECISIONS = {  # and what torch calls them
    'bf16': 'bfloat16',  # as the published weights are; not for ONNX Runtime
    'fp16': 'float16',
    'fp32': 'float32',
}
EIGHT_BITS = ('fp8', 'int8')  # of the language model's layers; the rest of it is fp16 then
