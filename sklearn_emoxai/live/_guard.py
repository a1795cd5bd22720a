"""Who may come in: the pages of this server, in a browser that its token was shown to, and nobody else."""

import ipaddress
import secrets
from urllib.parse import urlsplit

# Nothing is loaded from elsewhere: the browser itself refuses it. The page may use the camera, and stands in no frame.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://{host}; img-src 'self' data: "
        "blob:; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def is_loopback(host):
    """Whether a name or address can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI application around another: answers 403 to whoever is not a page of it.

    The ``Host`` must be a name of this machine: a page of another name that was made to lead here, as by DNS rebinding,
    has its own there. Its port may be another, that of an ssh tunnel. An ``Origin`` must be that same host, and a
    WebSocket must have one, as every browser's has. The path must begin with the token.

    Parameters
    ----------
    app : ASGI application
        Sees paths without the token.
    token : str
    host : str
        Address that the server listens on. Loopback allows only the names of loopback; any other allows itself, and
        every numeric address where it stands for all.
    """

    def __init__(self, app, *, token, host):
        self._app, self._token, self._host = app, token, host

    async def __call__(self, scope, receive, send):
        """Let the request through, or refuse it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is None:
            scope = {**scope, "path": scope["path"][len(self._token) + 1 :]}
            await self._app(scope, receive, _with_headers(send, headers["host"]))
        elif scope["type"] == "websocket":
            await receive()
            await send(
                {"type": "websocket.close", "code": 1008, "reason": refusal}
            )  # 403, before it is accepted
        else:
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            await send({"type": "http.response.body", "body": f"{refusal}\n".encode()})

    def _refusal(self, scope, headers):
        """Why a request is refused, as a sentence; None where it is not."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._knows(_name_of(host)):
            return "This server answers to names of this computer only; see emoxai live --help."
        if origin is None and scope["type"] == "websocket":
            return "This server answers to pages of its own only."
        if origin is not None and origin != f"http://{host}":
            return "This server answers to pages of its own only."
        if not secrets.compare_digest(
            scope["path"].encode()[: len(self._token) + 2], f"/{self._token}/".encode()
        ):
            return "The address must be the whole one that emoxai live printed."
        return None

    def _knows(self, name):
        if is_loopback(name) or (name == self._host and not is_loopback(self._host)):
            return True
        return self._host in ("0.0.0.0", "::") and _is_numeric(name)


def _name_of(host):
    """Name or address in a Host header, without its port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_numeric(name):
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _with_headers(send, host):
    added = [(name.lower().encode(), value.format(host=host).encode()) for name, value in _HEADERS.items()]

    async def send_with_headers(message):
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return send_with_headers
