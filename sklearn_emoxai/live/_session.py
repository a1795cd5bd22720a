"""One page's connection: frames in, results out, never more than one frame waiting."""

import asyncio
import json

from starlette.websockets import WebSocketDisconnect

from ._pictures import as_jpeg, unpacked

MISTAKES = (ValueError, TypeError, OSError)


class _Refused(Exception):
    """A message that no page sends."""


class Session:
    """What both kinds of connections share: a detector, commands, and results as JSON.

    A result has ``t``, ``size`` (width and height of the frame), ``landmarks`` (all x and then all y, in pixels; null
    without a face), ``p`` (probabilities in the order of the labels), ``neutral``, ``n_faces`` and ``dropped``, the
    frames so far that a newer one replaced. In the place of a result, ``error`` says in a sentence what is wrong with a
    frame.

    Parameters
    ----------
    websocket : starlette.websockets.WebSocket
        Accepted.
    live : LiveDetector
    in_thread : callable
        Coroutine function that calls a function in another thread.
    """

    def __init__(self, websocket, live, in_thread):
        self._websocket, self._live, self._in_thread = websocket, live, in_thread

    async def run(self):
        """Serve until the page goes away or sends what no page sends."""
        tasks = [asyncio.ensure_future(each()) for each in (self._listen, self._work)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except _Refused as refused:
            await self._websocket.close(1003, str(refused))
        except (WebSocketDisconnect, RuntimeError):  # it went away, perhaps while a result was sent
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.shield(self._in_thread(self._close))

    async def _listen(self):
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                self._take(message["bytes"])
            else:
                self._obey(message["text"])

    def _obey(self, text):
        try:
            command = json.loads(text)["command"]
        except (ValueError, TypeError, KeyError, RecursionError):
            command = None
        if command == "calibrate":
            self._live.calibrate()
        elif not self._also_obeys(command):
            raise _Refused('A text must be {"command": "calibrate"}; frames are bytes.')

    def _also_obeys(self, command):
        return False

    def _close(self):
        self._live.close()

    def _as_message(self, result, frame, n_dropped):
        """A result, for JSON."""
        landmarks = result.landmarks
        return {
            "t": result.timestamp,
            "size": [frame.shape[1], frame.shape[0]],
            "landmarks": None
            if landmarks is None
            else [round(value, 2) for value in landmarks.ravel().tolist()],
            "p": result.probabilities and [round(value, 5) for value in result.probabilities.values()],
            "neutral": result.neutral,
            "n_faces": result.n_faces,
            "dropped": n_dropped,
        }

    async def _send(self, message):
        await self._websocket.send_text(json.dumps(message, separators=(",", ":"), allow_nan=False))


class CameraOfThePage(Session):
    """The page sends frames, each a time stamp and a JPEG, and gets a result for each that was not replaced."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._newest, self._there, self._n_dropped = None, asyncio.Event(), 0

    def _take(self, message):
        self._n_dropped += self._newest is not None
        self._newest = message
        self._there.set()

    async def _work(self):
        while True:
            await self._there.wait()
            self._there.clear()
            message, self._newest = self._newest, None
            await self._send(await self._in_thread(self._result, message))

    def _result(self, message):
        try:
            timestamp, frame = unpacked(message)
            return self._as_message(self._live.update(frame, timestamp), frame, self._n_dropped)
        except MISTAKES as error:
            return {"error": str(error), "dropped": self._n_dropped}


class SourceOfTheServer(Session):
    """The server reads the frames; the page asks for the next and gets a JPEG and then its result.

    Parameters
    ----------
    newest : Newest
    """

    def __init__(self, *arguments, newest):
        super().__init__(*arguments)
        self._newest, self._asked = newest, asyncio.Event()

    def _take(self, message):
        raise _Refused("Frames come from the server here; the page sends none.")

    def _also_obeys(self, command):
        if command == "next":
            self._asked.set()
        return command == "next"

    async def _work(self):
        while True:
            await self._asked.wait()
            self._asked.clear()
            jpeg, message = await self._in_thread(self._result)
            if jpeg is not None:
                await self._websocket.send_bytes(jpeg)
            await self._send(message)

    def _result(self):
        try:
            taken = self._newest.take()
            if taken is None:
                return None, {"ended": True}
            timestamp, frame = taken
            result = self._live.update(frame, timestamp)
            return as_jpeg(frame), self._as_message(result, frame, self._newest.n_dropped)
        except MISTAKES as error:
            return None, {"error": str(error), "ended": True}

    def _close(self):
        self._newest.close()
        super()._close()
