# SPDX-License-Identifier: Apache-2.0
"""How schemathesis sends a body of our own media type: as the text that it is."""
import schemathesis


@schemathesis.serializer("application/vnd.meshca.inventory")
def inventory(_context, value):
    return value.encode() if isinstance(value, str) else repr(value).encode()
