# SPDX-License-Identifier: Apache-2.0
"""Endpoints beside the three chats: embeddings, completions, compaction, batches, lists."""
import json

import harness
from harness import USD, Host, Upstream, check_books, world

EMBED = "openai/v1/embeddings"
BATCHES = ("openai/v1/batches", "anthropic/v1/messages/batches",
           "gemini/v1beta/models/gemini-2.5-pro:batchGenerateContent")


def _embed(text, **fields):
    return {"model": "text-embedding-3-small", "input": text, **fields}


def embeddings_are_priced_by_their_input():
    """One text, several, tokens: booked as billed, forwarded as they are, held below a cent."""
    inputs = ("A text. " * 100, ["One.", "Two. " * 50], [1, 2, 3, 40_000], [[1, 2], [3, 4, 5]])
    with world() as (provider, host):
        for text in inputs:
            answer = host.post(EMBED, _embed(text, dimensions=256))
            assert answer.status == 200 and answer.json["data"][0]["embedding"], answer
        assert len(answer.json["data"]) == 2, answer.json
        held = [row["asked"]["USD_MICROCENTS"] for row in host.records("RESERVE")]
        assert all(0 < amount < 10_000 for amount in held), held
        estimates = [row["metadata"]["input_estimate"] for row in host.records("RESERVE")]
        assert estimates[2] >= 4 and estimates[0] >= 200, estimates
        assert all(row["metadata"]["usage"]["output"] == 0 for row in host.settlements())
        assert check_books(provider, host) > 0
    with Upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
                          ) as upstream, Host(upstream, usd=USD) as host:
        raw = b'{ "input":"x","model":"text-embedding-3-small" }'
        host.post(EMBED, raw)
        assert upstream.requests[0][1] == raw, upstream.requests


def embeddings_that_do_not_fit_are_refused():
    """A cap is a cap for them too, and says that the input is what does not fit."""
    with world(usd=200) as (provider, host):
        answer = host.post(EMBED, _embed("word " * 100_000))
        assert answer.status == 402 and answer.reason in ("too_big", "spent"), answer
        assert provider.ledger()["calls"] == []


def vectors_by_the_million_are_still_read():
    """An answer of more numbers than a meter keeps apart is booked by its usage all the same."""
    numbers = ",".join(["0.125"] * 1_200_000)
    body = ('{"object":"list","data":[{"object":"embedding","index":0,"embedding":[' + numbers +
            ']}],"model":"text-embedding-3-small","usage":{"prompt_tokens":7000,'
            '"total_tokens":7000}}').encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
    reply = head + b"content-length: %d\r\n\r\n" % len(body) + body
    with Upstream(reply) as upstream, Host(upstream, usd=USD) as host:
        answer = host.post(EMBED, _embed("x"))
        assert answer.status == 200 and answer.body == body
        host.settle()
        assert host.spent() == 7000 * 2, host.settlements()[0]["metadata"]


def completions_of_old_are_metered():
    """Each prompt is answered n times; what is not said is the API's own ceiling of 16."""
    usage = {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52}
    body = json.dumps({"object": "text_completion", "model": "gpt-3.5-turbo-instruct",
                       "choices": [{"index": 0, "text": "x", "finish_reason": "stop"}],
                       "usage": usage}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
    reply = head + b"content-length: %d\r\n\r\n" % len(body) + body
    with Upstream(reply) as upstream, Host(upstream, usd=USD) as host:
        asked = {"model": "gpt-3.5-turbo-instruct", "prompt": ["a", "b"], "n": 2}
        assert host.post("openai/v1/completions", asked).status == 200
        sent = json.loads(upstream.requests[0][1])
        assert sent == {**asked, "max_tokens": 16}, sent
        held = host.records("RESERVE")[0]["asked"]["TOKENS"]
        assert held >= 4 * 16 + 2, held
        host.settle()
        assert host.spent() == 12 * 150 + 40 * 200, host.settlements()


def a_compaction_is_metered_and_held_at_its_longest():
    """Nothing in the body bounds it, so it is held whole or refused, and never stops the run."""
    body = json.dumps({"id": "cmp_1", "object": "response.compaction", "output": [],
                       "usage": {"input_tokens": 900, "output_tokens": 300,
                                 "total_tokens": 1200}}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
    reply = head + b"content-length: %d\r\n\r\n" % len(body) + body
    asked = {"model": "gpt-6.1-sol", "input": [{"role": "user", "content": "x" * 3000}]}
    with Upstream(reply) as upstream, Host(upstream, usd=2 * USD) as host:
        assert host.post("openai/v1/responses/compact", asked).status == 200
        assert json.loads(upstream.requests[0][1]) == asked
        held = host.records("RESERVE")[0]["asked"]["USD_MICROCENTS"]
        assert held >= 128_000 * 1000, held
        host.settle()
        assert host.spent() == 900 * 200 + 300 * 1000, host.settlements()
    with world(usd=USD) as (provider, host):
        answer = host.post("openai/v1/responses/compact", asked)
        assert answer.status == 402 and answer.reason == "too_big", answer
        smaller = host.post(harness.PATH["responses"], {**asked, "max_output_tokens": 300})
        assert smaller.status == 200, smaller
        check_books(provider, host)


def batches_are_refused_with_the_flag_that_lets_them_through():
    """Nothing of them goes out."""
    with world() as (provider, host):
        for path in BATCHES:
            answer = host.post(path, {"requests": []})
            assert answer.status == 402 and answer.reason == "unmetered", answer
            assert "--allow-batches" in answer.error["message"], answer.error
        assert provider.ledger()["other"] == [] and host.state()["batches"] == 0
        assert host.get("anthropic/v1/messages/batches/msgbatch_1/results").status == 200
        assert host.post("openai/v1/batches/batch_1/cancel", {}).status == 200


def batches_that_are_let_through_are_counted_and_written_down():
    """As they came, with a note before each; a stopped run lets none through."""
    with world(batches=1) as (provider, host):
        for path in BATCHES:
            assert host.post(path, {"requests": []}).status == 200
        paths = [f"/{path.partition('/')[2]}" for path in BATCHES]
        assert [row["path"] for row in provider.ledger()["other"]] == paths
        assert [note["path"] for note in host.notes()] == paths
        state = host.state()
        assert state["batches"] == 3 and state["passed"] == 0 and host.spent() == 0, state
        host.ask("stop pawl: the time is up", "stopped")
        answer = host.post(BATCHES[0], {})
        assert answer.status == 402 and answer.reason == "stopped", answer
        assert host.state()["batches"] == 3


def a_batch_whose_client_leaves_is_let_go():
    """Before it is written down or after: nothing stays open."""
    with world(batches=1) as (_, host):
        for _ in range(20):
            host.open(BATCHES[0], {}).hang_up()
        while host.state()["in_flight"] > 0:
            pass
        host.settle()


def lists_and_their_like_cost_nothing():
    """Models, files, stored answers, conversations: they pass under a cap that is spent."""
    with world({"reply_tokens": 50}, usd=300) as (_, host):
        assert host.call("openai").status == 402
        for method, path in (("GET", "openai/v1/models"), ("GET", "openai/v1/models/gpt-4o"),
                             ("GET", "anthropic/v1/models"), ("GET", "gemini/v1beta/models"),
                             ("POST", "openai/v1/conversations"),
                             ("POST", "openai/v1/conversations/conv_1/items"),
                             ("POST", "openai/v1/files"), ("POST", "openai/v1/moderations")):
            answer = host.open(path, {} if method == "POST" else None, method=method).finish()
            assert answer.status == 200, (path, answer)
        assert host.state()["passed"] == 8, host.state()
