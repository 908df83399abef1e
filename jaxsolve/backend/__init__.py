"""Host: JAX's run time, and nothing of networks. Names are listed in the stub beside it, and loaded when first used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
