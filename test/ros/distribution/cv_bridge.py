"""Stands in for the distribution's package: the one call, through the library it is checked by."""

from rosbags.image import image_to_cvimage


class CvBridge:
    def imgmsg_to_cv2(self, message, desired_encoding):
        return image_to_cvimage(message, desired_encoding)
