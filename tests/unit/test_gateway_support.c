/* SPDX-License-Identifier: Apache-2.0 */
/* test_gateway_support.c: the world of the header. */
#include "test_gateway_support.h"

/* $3 in, $15 out a million tokens. */
static const char prices[] =
    "{\"format\":1,\"as_of\":\"2026-01-02\",\"source\":\"test\",\"licence\":\"none\","
    "\"providers\":[{\"id\":\"anthropic\",\"models\":[{\"id\":\"m\",\"rows\":[{\"input\":300000000,"
    "\"output\":1500000000}]}]}]}";

const char whole_body[] =
    "{\"model\":\"m\",\"max_tokens\":1000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
const char stream_body[] =
    "{\"model\":\"m\",\"max_tokens\":1000,\"stream\":true,\"messages\":[{\"content\":\"hi\"}]}";
static void on_latched(void *arg, const struct pawl_gateway_latch *latch)
{
    struct world *world = arg;
    assert_non_null(latch->message);
    world->latches++;
}

static void on_settled(void *arg, const struct pawl_gateway_settled *settled)
{
    (void)settled;
    struct world *world = arg;
    world->settled++;
}

static void on_idle(void *arg)
{
    struct world *world = arg;
    world->idle = true;
}

int gateway_setup(void **state)
{
    static struct world world;
    world = (struct world){.latches = 0};
    fake_net_reset();
    fake_authority_init(&world.ledger);
    world.ledger.budgets[DOLLARS] = (struct fake_budget){.bound = true, .limit = USD};
    struct pawl_errmsg msg = {""};
    if (pawl_failed(pawl_price_book_load(pawl_slice_str(prices), &world.book, &msg))) {
        print_error("%s\n", msg.text);
        return -1;
    }
    struct pawl_subject subject = {.session = PAWL_SLICE("run_1")};
    subject.levels[PAWL_LEVEL_TENANT] = PAWL_SLICE("local");
    struct pawl_gateway_options options = {
        .loop = (struct uv_loop_s *)&world, /* only passed on, to what is fake here */
        .client = (struct pawl_http_client *)&world,
        .authority = &world.ledger.base,
        .prices = world.book,
        .secret = SECRET,
        .upstreams = {[PAWL_UPSTREAM_ANTHROPIC] = "http://up.example"},
        .subject = &subject,
        .run_id = "run_1",
        .hard_cap = true,
        .on_latched = on_latched,
        .on_settled = on_settled,
        .arg = &world,
    };
    *state = &world;
    return pawl_ok(pawl_gateway_new(&options, &world.gateway)) ? 0 : -1;
}

int gateway_teardown(void **state)
{
    struct world *world = *state;
    pawl_gateway_settle_all(world->gateway, 1, on_idle, world);
    fake_alarms_close();
    if (!world->idle || world->ledger.budgets[DOLLARS].held != 0) {
        print_error("something is still held or in flight\n");
        return -1;
    }
    pawl_gateway_free(world->gateway);
    pawl_price_book_free(world->book);
    fake_net_reset();
    return 0;
}

void turn(struct world *world)
{
    fake_authority_turn(&world->ledger);
}

size_t count(const struct world *world, uint16_t type)
{
    return fake_authority_count(&world->ledger, type);
}

struct pawl_http_call *last_call(void)
{
    assert_true(fake_call_count > 0);
    return &fake_calls[fake_call_count - 1];
}

void begin(struct world *world, struct pawl_http_exchange *exchange, const char *body)
{
    fake_exchange_init(exchange, PATH, body);
    pawl_gateway_handle(world->gateway, exchange);
}

struct pawl_http_call *begin_stream(struct world *world, struct pawl_http_exchange *exchange)
{
    begin(world, exchange, stream_body);
    turn(world);
    struct pawl_http_call *call = last_call();
    fake_call_head(call, 200, SSE);
    assert_true(fake_call_body(call, START));
    return call;
}
