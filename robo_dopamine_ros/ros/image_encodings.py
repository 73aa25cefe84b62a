"""The encodings of sensor_msgs/Image: which are decoded and how, and why the others are not."""

from dataclasses import dataclass

import cv2


@dataclass(frozen=True)
class PixelLayout:
    """Memory layout of the pixels of an encoding."""

    dtype: str
    channels: int
    to_rgb: int | None  # OpenCV's conversion; None: already RGB
    even_width: bool = False  # two pixels share their colour samples, so the width is even
    colour_rows: bool = False  # half as many rows of colour samples follow the rows of grey ones

    @property
    def is_16_bit(self) -> bool:
        """Whether an item has 16 bits, of which the camera may use fewer."""
        return self.dtype == 'u2'


BYTE, WORD = 'u1', 'u2'

# OpenCV names a Bayer pattern by its second row and column: RGGB is its BayerBG.
ENCODINGS = {
    'rgb8': PixelLayout(BYTE, 3, None),
    'bgr8': PixelLayout(BYTE, 3, cv2.COLOR_BGR2RGB),
    '8UC3': PixelLayout(BYTE, 3, cv2.COLOR_BGR2RGB),
    'rgba8': PixelLayout(BYTE, 4, cv2.COLOR_RGBA2RGB),
    'bgra8': PixelLayout(BYTE, 4, cv2.COLOR_BGRA2RGB),
    '8UC4': PixelLayout(BYTE, 4, cv2.COLOR_BGRA2RGB),
    'mono8': PixelLayout(BYTE, 1, cv2.COLOR_GRAY2RGB),
    '8UC1': PixelLayout(BYTE, 1, cv2.COLOR_GRAY2RGB),
    'rgb16': PixelLayout(WORD, 3, None),
    'bgr16': PixelLayout(WORD, 3, cv2.COLOR_BGR2RGB),
    '16UC3': PixelLayout(WORD, 3, cv2.COLOR_BGR2RGB),
    'rgba16': PixelLayout(WORD, 4, cv2.COLOR_RGBA2RGB),
    'bgra16': PixelLayout(WORD, 4, cv2.COLOR_BGRA2RGB),
    '16UC4': PixelLayout(WORD, 4, cv2.COLOR_BGRA2RGB),
    'mono16': PixelLayout(WORD, 1, cv2.COLOR_GRAY2RGB),
    '16UC1': PixelLayout(WORD, 1, cv2.COLOR_GRAY2RGB),
    'yuv422': PixelLayout(BYTE, 2, cv2.COLOR_YUV2RGB_UYVY, even_width=True),
    'uyvy': PixelLayout(BYTE, 2, cv2.COLOR_YUV2RGB_UYVY, even_width=True),
    'yuv422_yuy2': PixelLayout(BYTE, 2, cv2.COLOR_YUV2RGB_YUY2, even_width=True),
    'yuyv': PixelLayout(BYTE, 2, cv2.COLOR_YUV2RGB_YUY2, even_width=True),
    'nv12': PixelLayout(BYTE, 1, cv2.COLOR_YUV2RGB_NV12, even_width=True, colour_rows=True),
    'nv21': PixelLayout(BYTE, 1, cv2.COLOR_YUV2RGB_NV21, even_width=True, colour_rows=True),
    **{
        f'bayer_{pattern}{bits}': PixelLayout(dtype, 1, code)
        for bits, dtype in ((8, BYTE), (16, WORD))
        for pattern, code in (
            ('rggb', cv2.COLOR_BayerBG2RGB),
            ('bggr', cv2.COLOR_BayerRG2RGB),
            ('gbrg', cv2.COLOR_BayerGR2RGB),
            ('grbg', cv2.COLOR_BayerGB2RGB),
        )
    },
}

NO_BRIGHTNESS = 'these values have no scale of brightness, as distances have none'
REFUSED_ENCODINGS = {  # of those that sensor_msgs names
    'nv24': 'OpenCV does not convert it; let the driver publish nv21 or rgb8',
    **dict.fromkeys(('8UC2', '16UC2'), 'two channels are no colour'),
    **{
        f'{kind}C{channels}': NO_BRIGHTNESS
        for kind in ('8S', '16S', '32S', '32F', '64F')
        for channels in (1, 2, 3, 4)
    },
}


def refusal(encoding: str) -> str:
    """Why an encoding is not decoded, and what would be."""
    if encoding in REFUSED_ENCODINGS:
        return f'encoding {encoding}: {REFUSED_ENCODINGS[encoding]}'
    return f'unknown encoding {encoding!r}; rgb8, bgr8 or mono8, for example, would do'
