/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

/* The client end of the connection plays the bus: it says who the peers are, when the test wants it. */

#include <sys/resource.h>

#include "bus-names.h"
#include "macro.h"
#include "peer.h"
#include "test-bus.h"
#include "test.h"

typedef struct Fixture {
        BusPair pair;
        Peers *peers;
        PeerItem item; /* what the first peer owns */
        sd_bus_slot *bus_filter, *server_filter;
        sd_bus_message *question; /* GetConnectionCredentials that is not answered yet */
        bool asked;
        unsigned questions;
        char handled[256]; /* what has passed: "member:uid " each */
        bool has_handled;
        bool has_gone;
        bool has_error; /* an error came back for a call */
        bool has_limit;
} Fixture;

static int on_question(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;

        if (sd_bus_message_is_method_error(m, JOBS_ERROR_UNAVAILABLE))
                f->has_error = true;
        if (sd_bus_message_is_method_error(m, JOBS_ERROR_LIMIT_EXCEEDED))
                f->has_limit = true;
        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "GetConnectionCredentials"))
                return 0;
        f->question = sd_bus_message_unref(f->question);
        f->question = sd_bus_message_ref(m);
        f->asked = true;
        f->questions++;
        return 1;
}

static void on_drop(PeerItem *item, bool stopping) {
        Fixture *f = CONTAINER_OF(item, Fixture, item);

        check(item->peer);
        peer_remove(item);
        f->has_gone = true;
}

/* What stands behind the gate. */
static int on_passed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fixture *f = userdata;
        char *end = f->handled + strlen(f->handled);
        Peer *peer = peers_sender(f->peers, m);

        if (!sd_bus_message_is_method_call(m, JOBS_INTERFACE, NULL))
                return 0;
        (void) snprintf(end, sizeof(f->handled) - (size_t) (end - f->handled), "%s:%" PRIu32 " ",
                        sd_bus_message_get_member(m), peer->user->uid);
        if (!f->item.drop)
                peer_add(peer, &f->item, on_drop);
        f->has_handled = true;
        return 1;
}

static void fixture_open(Fixture *f) {
        *f = (Fixture) {};
        bus_pair_open(&f->pair);
        check_ok(sd_bus_add_filter(f->pair.client, &f->bus_filter, on_question, f));
        /* Filters that came later run first. */
        check_ok(sd_bus_add_filter(f->pair.server, &f->server_filter, on_passed, f));
        check_ok(peers_new(&f->peers, f->pair.server));
}

static void fixture_close(Fixture *f) {
        f->peers = peers_free(f->peers);
        f->question = sd_bus_message_unref(f->question);
        f->bus_filter = sd_bus_slot_unref(f->bus_filter);
        f->server_filter = sd_bus_slot_unref(f->server_filter);
        bus_pair_close(&f->pair);
}
#define _cleanup_fixture_ _cleanup_(fixture_close)

static void send_call(Fixture *f, const char *sender, const char *member) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = message_new(f->pair.client, member);
        uint64_t cookie; /* asking for it is asking for a reply */

        check_ok(sd_bus_message_set_sender(m, sender));
        check_ok(sd_bus_send(f->pair.client, m, &cookie));
}

static void wait_for_question(Fixture *f) {
        run_until(f->pair.event, &f->asked);
        f->asked = false;
}

static void wait_for_handled(Fixture *f, const char *expected) {
        while (strlen(f->handled) < strlen(expected)) {
                f->has_handled = false;
                run_until(f->pair.event, &f->has_handled);
        }
        check_string(f->handled, expected);
        f->handled[0] = 0;
}

/* The peer :1.7 calls One, and is known from then on: as user 1000. */
static void introduce(Fixture *f) {
        send_call(f, ":1.7", "One");
        wait_for_question(f);
        check_ok(sd_bus_reply_method_return(f->question, "a{sv}", 1, "UnixUserID", "u", (uint32_t) 1000));
        wait_for_handled(f, "One:1000 ");
}

static void held_until_known(void) {
        _cleanup_fixture_ Fixture f;
        const char *peer;

        fixture_open(&f);
        send_call(&f, ":1.7", "One");
        send_call(&f, ":1.7", "Two");
        wait_for_question(&f);
        run_pending(f.pair.event);
        check_string(f.handled, "");
        check_int(f.questions, 1); /* for both */
        check_ok(sd_bus_message_read_basic(f.question, 's', &peer));
        check_string(peer, ":1.7");

        check_ok(sd_bus_reply_method_return(f.question, "a{sv}", 1, "UnixUserID", "u", (uint32_t) 1000));
        wait_for_handled(&f, "One:1000 Two:1000 ");
        send_call(&f, ":1.7", "Three");
        wait_for_handled(&f, "Three:1000 ");
        check_int(f.questions, 1);
}

/* Recent buses pass a descriptor of the process with their answer: there is a number for it even if there is no other. */
static void answer_with_descriptor(void) {
        _cleanup_fixture_ Fixture f;
        struct rlimit limit, none;
        int fd;

        fixture_open(&f);
        introduce(&f);
        send_call(&f, ":1.7", "Two");
        wait_for_handled(&f, "Two:1000 ");
        fd = dup(STDIN_FILENO);
        check(fd >= 0 && close(fd) == 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0);
        none = (struct rlimit) { (rlim_t) fd, limit.rlim_max };
        check_ok(setrlimit(RLIMIT_NOFILE, &none));
        for (int i = 0; i < 3; i++) {
                const char name[] = { ':', '2', '.', (char) ('1' + i), 0 };

                send_call(&f, name, "Three");
                wait_for_question(&f);
                check_ok(sd_bus_reply_method_return(f.question, "a{sv}", 2, "UnixUserID", "u", (uint32_t) 1000, "ProcessFD", "h",
                                                    STDIN_FILENO));
                wait_for_handled(&f, "Three:1000 ");
        }
        check_ok(setrlimit(RLIMIT_NOFILE, &limit));
}

static void peers_apart(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        introduce(&f);

        send_call(&f, ":1.8", "Two");
        wait_for_question(&f);
        send_call(&f, ":1.7", "Three"); /* does not wait for the other one */
        wait_for_handled(&f, "Three:1000 ");
        check_ok(sd_bus_reply_method_return(f.question, "a{sv}", 1, "UnixUserID", "u", (uint32_t) 0));
        wait_for_handled(&f, "Two:0 ");
}

static void check_not_known(Fixture *f, const char *reply_type, uint32_t uid) {
        send_call(f, ":1.7", "One");
        wait_for_question(f);
        if (!reply_type)
                check_ok(sd_bus_reply_method_errorf(f->question, "org.freedesktop.DBus.Error.NameHasNoOwner", "gone"));
        else if (streq(reply_type, "u"))
                check_ok(sd_bus_reply_method_return(f->question, "a{sv}", 1, "UnixUserID", "u", uid));
        else
                check_ok(sd_bus_reply_method_return(f->question, "s", "root"));
        f->has_error = false;
        run_until(f->pair.event, &f->has_error);
        check_string(f->handled, "");
}

/* Without an answer no call passes, and the caller gets an error. */
static void not_known(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        check_not_known(&f, NULL, 0);
        check_not_known(&f, "u", UINT32_MAX);
        check_not_known(&f, "s", 0);
        check_int(f.questions, 3); /* asked anew each time */
}

static void too_many_calls(void) {
        _cleanup_fixture_ Fixture f;
        User *user;

        fixture_open(&f);
        introduce(&f);
        user = f.item.peer->user;
        user->n_calls += USER_CALLS_MAX;
        send_call(&f, ":1.7", "Two");
        run_until(f.pair.event, &f.has_limit);
        check_string(f.handled, "");
        user->n_calls -= USER_CALLS_MAX;
        send_call(&f, ":1.7", "Three");
        wait_for_handled(&f, "Three:1000 ");
}

static void groups(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        send_call(&f, ":1.7", "One");
        wait_for_question(&f);
        check_ok(sd_bus_reply_method_return(f.question, "a{sv}", 3, "UnixGroupIDs", "au", 3, 7U, 100U, 4294967294U,
                                            "UnixUserID", "u", 1000U, "ProcessID", "u", 1U));
        wait_for_handled(&f, "One:1000 ");
        check_int(f.item.peer->n_gids, 3);
        check_int(f.item.peer->gids[1], 100);
        send_call(&f, ":1.8", "Two");
        wait_for_question(&f);
        peer_remove(&f.item);
        f.item.drop = NULL;
        check_ok(sd_bus_reply_method_return(f.question, "a{sv}", 2, "UnixGroupIDs", "au", 0, "UnixUserID", "u", 1001U));
        wait_for_handled(&f, "Two:1001 ");
        check_int(f.item.peer->n_gids, 0);
}

static void emit_gone(Fixture *f, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        check_ok(sd_bus_message_new_signal(f->pair.client, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                           "NameOwnerChanged"));
        check_ok(sd_bus_message_append(m, "sss", name, name[0] == ':' ? name : ":1.7", ""));
        check_ok(sd_bus_message_set_sender(m, "org.freedesktop.DBus"));
        check_ok(sd_bus_send(f->pair.client, m, NULL));
}

static void gone(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        introduce(&f);

        emit_gone(&f, "org.example.Name"); /* a name, not a connection */
        emit_gone(&f, ":1.70");            /* never called us */
        emit_gone(&f, ":1.7");
        run_until(f.pair.event, &f.has_gone);

        send_call(&f, ":1.7", "Two"); /* nobody known any more */
        wait_for_question(&f);
        check_int(f.questions, 2);
}

/* The connection is lost while calls are held: nothing of them is left behind. */
static void gone_while_held(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        send_call(&f, ":1.7", "One");
        wait_for_question(&f);
        emit_gone(&f, ":1.7");
        run_until(f.pair.event, &f.has_error); /* of the call, in case that somebody hears it */
        check_string(f.handled, "");
        send_call(&f, ":1.8", "Two");
        wait_for_question(&f); /* and freed with a call held and a question open */
}

/* What is removed before is not dropped; what is left is when the service stops. */
static void removed(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        introduce(&f);
        peer_remove(&f.item);
        peer_remove(&f.item);
        send_call(&f, ":1.8", "Two");
        wait_for_question(&f);
        f.item.drop = NULL;
        check_ok(sd_bus_reply_method_return(f.question, "a{sv}", 1, "UnixUserID", "u", (uint32_t) 1000));
        wait_for_handled(&f, "Two:1000 ");
        emit_gone(&f, ":1.7");
        send_call(&f, ":1.8", "Three");
        wait_for_handled(&f, "Three:1000 ");
        check(!f.has_gone);
        peers_refuse(f.peers);
        check(f.has_gone);
}

static void unknown_sender(void) {
        _cleanup_fixture_ Fixture f;

        fixture_open(&f);
        check(!peers_sender(f.peers, NULL));
}

TEST_MAIN(TEST(held_until_known), TEST(answer_with_descriptor), TEST(peers_apart), TEST(not_known), TEST(too_many_calls), TEST(groups), TEST(gone), TEST(gone_while_held), TEST(removed),
          TEST(unknown_sender))
