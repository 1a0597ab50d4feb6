"""Python's gql against the real server, over its transports by HTTP and by WebSocket."""

import asyncio
import os
import unittest

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.exceptions import TransportQueryError
from gql.transport.websockets import WebsocketsTransport

HTTP = os.environ["CHINWAG_ENDPOINT"]
SOCKET = HTTP.replace("http", "ws", 1)
# Longer than anything takes; whoever waits this long has failed.
PATIENCE = 30

SIGN_UP = gql("mutation($input: SignupInput!) { signup(input: $input) { token user { id username } } }")
ME = gql("{ me { username } streamCursor }")
SEND = gql("mutation($input: SendMessageInput!) { sendMessage(input: $input) { id seq body } }")
LISTEN = gql(
    "subscription($after: String) { newMessage(after: $after) { cursor message { id body sender { username } } } }"
)


def by_http(token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return AIOHTTPTransport(url=HTTP, headers=headers)


def by_websockets(token=None):
    return WebsocketsTransport(url=SOCKET, init_payload={"token": token})


def by_aiohttp_websockets(token=None):
    return AIOHTTPWebsocketsTransport(url=SOCKET, init_payload={"token": token})


def client(transport):
    # The schema is fetched and documents are held against it.
    return Client(transport=transport, fetch_schema_from_transport=True, execute_timeout=PATIENCE)


async def sign_up(transport, username):
    """The token and the id of someone new."""
    async with client(transport()) as nobody:
        given = {"input": {"username": username, "password": "correct horse"}}
        signed_up = (await nobody.execute(SIGN_UP, variable_values=given))["signup"]
        assert signed_up["user"]["username"] == username, signed_up
        return signed_up["token"], signed_up["user"]["id"]


def message(to, body):
    return {"input": {"to": {"userId": to}, "body": body}}


class Gql(unittest.IsolatedAsyncioTestCase):
    async def ask_and_say(self, transport, name):
        """A query, a mutation and an error, over one transport."""
        token, _ = await sign_up(transport, f"ann_{name}")
        _, other = await sign_up(transport, f"bob_{name}")
        async with client(transport(token)) as ann:
            me = await ann.execute(ME)
            self.assertEqual(me["me"], {"username": f"ann_{name}"})
            sent = await ann.execute(SEND, variable_values=message(other, "hello"))
            self.assertEqual((sent["sendMessage"]["seq"], sent["sendMessage"]["body"]), (1, "hello"))
            await self.fails(ann, SEND, message(other, ""), "BAD_USER_INPUT")
            # An error is the end of its operation only.
            self.assertEqual((await ann.execute(ME))["me"], me["me"])
        async with client(transport()) as nobody:
            await self.fails(nobody, SEND, message(other, "hello"), "UNAUTHENTICATED")

    async def fails(self, session, document, variables, code):
        with self.assertRaises(TransportQueryError) as failed:
            await session.execute(document, variable_values=variables)
        self.assertEqual(failed.exception.errors[0]["extensions"]["code"], code)

    async def listen(self, transport, name):
        """A subscription that hears of a message which is sent while it runs, and the socket beside it."""
        token, _ = await sign_up(by_http, f"cleo_{name}")
        listener_token, listener = await sign_up(by_http, f"dora_{name}")
        async with client(transport(listener_token)) as dora, client(by_http(token)) as cleo:
            start = (await dora.execute(ME))["streamCursor"]
            events = dora.subscribe(LISTEN, variable_values={"after": start})
            for body in ["first", "second"]:
                heard = asyncio.ensure_future(anext(events))
                sent = await cleo.execute(SEND, variable_values=message(listener, body))
                event = (await asyncio.wait_for(heard, PATIENCE))["newMessage"]
                expected = {"id": sent["sendMessage"]["id"], "body": body, "sender": {"username": f"cleo_{name}"}}
                self.assertEqual(event["message"], expected)
                self.assertEqual((await dora.execute(ME))["me"], {"username": f"dora_{name}"})
            await events.aclose()
        async with client(transport()) as nobody:
            with self.assertRaises(TransportQueryError) as failed:
                await anext(nobody.subscribe(LISTEN))
            self.assertEqual(failed.exception.errors[0]["extensions"]["code"], "UNAUTHENTICATED")

    async def test_http(self):
        await self.ask_and_say(by_http, "http")

    async def test_websockets(self):
        await self.ask_and_say(by_websockets, "websockets")
        await self.listen(by_websockets, "websockets")

    async def test_aiohttp_websockets(self):
        await self.ask_and_say(by_aiohttp_websockets, "aiohttp")
        await self.listen(by_aiohttp_websockets, "aiohttp")


if __name__ == "__main__":
    unittest.main()
