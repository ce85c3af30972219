"""Which protocol do a connection's first bytes belong to?"""

from xproto.autodetect.detector import Detector
from xproto.autodetect.signature import Cube, signature

__all__ = ["Cube", "Detector", "signature"]
