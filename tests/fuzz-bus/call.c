/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "bus-names.h"
#include "call.h"

#define GIANT_MAX (UINT32_C(30) << 20) /* dbus-daemon ends who sends more than 32 MiB on the system bus */

const char *const call_kind_names[_CALL_KIND_MAX] = {
        [CALL_RIGHT] = "right",
        [CALL_RANDOM] = "any values",
        [CALL_TYPES] = "any types",
        [CALL_STANDARD] = "standard interfaces",
        [CALL_ELSEWHERE] = "elsewhere",
        [CALL_GIANT] = "giant",
        [CALL_NO_CALL] = "no call",
        [CALL_BROKEN] = "broken",
};

/* Of a job, the object of one that lives, mostly: path belongs to the message. */
static const char *draw_job_path(Draw *d) {
        static char path[128];
        char id[64], *p;

        value_draw_id(d, id);
        p = stpcpy(path, JOB_PATH_PREFIX "/");
        for (const char *c = id; *c; c++) {
                bool plain = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');

                if (p - path > 100)
                        break;
                p += sprintf(p, plain ? "%c" : "_%02x", (unsigned char) *c);
        }
        if (p[-1] == '/')
                p[-1] = 0;
        return path;
}

static const char *path_for(Draw *d, const char *interface) {
        bool of_job = streq(interface, JOB_INTERFACE);

        if (random_once_in(d->random, 12))
                of_job = !of_job;
        return of_job ? draw_job_path(d) : JOBS_PATH;
}

static void add_type(RawMessage *m, const char *type) {
        if (strlen(m->signature) + strlen(type) < sizeof(m->signature))
                (void) strcat(m->signature, type);
}

static const TargetMember *set_member(Draw *d) {
        const TargetMember *member = &d->target->members[random_below(d->random, d->target->n_members)];

        /* Most of what can go wrong is in Enqueue. */
        if (random_once_in(d->random, 5))
                member = target_find(d->target, "Enqueue") ?: member;
        d->message->interface = member->interface;
        d->message->member = member->name;
        d->message->path = path_for(d, member->interface);
        return member;
}

static void draw_arguments(Draw *d, bool right) {
        const TargetMember *member = set_member(d);

        for (unsigned i = 0; i < member->n_arguments; i++) {
                add_type(d->message, member->arguments[i].type);
                if (right && !random_once_in(d->random, 40))
                        value_append_argument(d, member->arguments[i].name, member->arguments[i].type);
                else
                        value_append(d, member->arguments[i].type);
        }
}

static void draw_types(Draw *d) {
        (void) set_member(d);
        value_draw_signature(d, d->message->signature);
        value_append(d, d->message->signature);
}

/* --- what every object has ------------------------------------------------------------------------- */

static void draw_property(Draw *d) {
        static const char *const members[] = { "Get", "Get", "GetAll", "Set" };
        const TargetProperty *p = &d->target->properties[random_below(d->random, d->target->n_properties)];
        RawMessage *m = d->message;

        m->interface = "org.freedesktop.DBus.Properties";
        m->member = random_pick(d->random, members);
        m->path = path_for(d, p->interface);
        writer_string(&m->body, random_once_in(d->random, 10) ? "" : p->interface);
        add_type(m, "s");
        if (streq(m->member, "GetAll"))
                return;
        writer_string(&m->body, random_once_in(d->random, 10) ? "NoSuchProperty" : p->name);
        add_type(m, "s");
        if (streq(m->member, "Get"))
                return;
        add_type(m, "v");
        value_append(d, "v");
}

static void draw_standard(Draw *d) {
        static const struct {
                const char *interface, *member;
        } calls[] = {
                { "org.freedesktop.DBus.Introspectable", "Introspect" },
                { "org.freedesktop.DBus.Peer", "Ping" },
                { "org.freedesktop.DBus.Peer", "GetMachineId" },
                { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects" },
        };
        static const char *const paths[] = { JOBS_PATH, JOB_PATH_PREFIX, "/", "/org" };
        size_t i = random_below(d->random, ELEMENTSOF(calls));

        if (d->target->n_properties > 0 && random_once_in(d->random, 2))
                return draw_property(d);
        d->message->interface = calls[i].interface;
        d->message->member = calls[i].member;
        d->message->path = random_once_in(d->random, 2) ? draw_job_path(d) : random_pick(d->random, paths);
}

/* --- what is not there ----------------------------------------------------------------------------- */

static void draw_elsewhere(Draw *d) {
        static const char *const paths[] = { "/", "/org/codex", JOB_PATH_PREFIX, JOB_PATH_PREFIX "/_", JOB_PATH_PREFIX "/a/b", "/x" };
        static const char *const interfaces[] = { NULL, "a.b", JOB_INTERFACE, JOBS_INTERFACE, "org.freedesktop.DBus" };
        static const char *const members[] = { "Enqueu", "Shutdown", "enqueue", "Hello", "_" };
        RawMessage *m = d->message;

        draw_arguments(d, true);
        switch (random_below(d->random, 3)) {
        case 0:
                m->path = random_pick(d->random, paths);
                break;
        case 1:
                m->interface = random_pick(d->random, interfaces);
                break;
        default:
                m->member = random_pick(d->random, members);
        }
}

static void draw_giant(Draw *d) {
        d->giant = random_once_in(d->random, 3) ? GIANT_MAX : UINT32_C(1) << (10 + random_below(d->random, 14));
        if (random_once_in(d->random, 3))
                draw_types(d);
        else
                draw_arguments(d, false);
        d->giant = 0;
}

static void draw_no_call(Draw *d) {
        RawMessage *m = d->message;

        draw_arguments(d, true);
        m->type = (uint8_t) (TYPE_RETURN + random_below(d->random, 3));
        if (m->type != TYPE_SIGNAL)
                m->reply_serial = 1 + random_below(d->random, 1000);
        if (m->type == TYPE_ERROR)
                m->error = "org.freedesktop.DBus.Error.Failed";
}

static void draw_broken(Draw *d) {
        Writer *body = &d->message->body;

        draw_arguments(d, true);
        for (uint32_t n = 1 + random_below(d->random, 4); n > 0 && body->size > 0; n--)
                switch (random_below(d->random, 4)) {
                case 0: /* a length, a boolean, the number of a descriptor */
                        body->data[random_below(d->random, (uint32_t) body->size) & ~UINT32_C(3)] = (uint8_t) random_next(d->random);
                        break;
                case 1:
                        body->data[random_below(d->random, (uint32_t) body->size)] ^= (uint8_t) (1 << random_below(d->random, 8));
                        break;
                case 2:
                        body->size = random_below(d->random, (uint32_t) body->size + 1);
                        break;
                default:
                        writer_fill(body, (uint8_t) random_next(d->random), random_below(d->random, 16));
                }
}

CallKind call_draw_kind(Random *random) {
        static const uint8_t weights[_CALL_KIND_MAX] = {
                [CALL_RIGHT] = 200, [CALL_RANDOM] = 100, [CALL_TYPES] = 70, [CALL_STANDARD] = 70, [CALL_ELSEWHERE] = 30,
                [CALL_GIANT] = 1, [CALL_NO_CALL] = 10, [CALL_BROKEN] = 15,
        };
        uint32_t sum = 0, drawn;

        for (unsigned i = 0; i < _CALL_KIND_MAX; i++)
                sum += weights[i];
        drawn = random_below(random, sum);
        for (unsigned i = 0;; i++) {
                if (drawn < weights[i])
                        return (CallKind) i;
                drawn -= weights[i];
        }
}

void call_draw(Draw *d, CallKind kind) {
        static void (*const draws[_CALL_KIND_MAX])(Draw *d) = {
                [CALL_TYPES] = draw_types, [CALL_STANDARD] = draw_standard, [CALL_ELSEWHERE] = draw_elsewhere,
                [CALL_GIANT] = draw_giant, [CALL_NO_CALL] = draw_no_call, [CALL_BROKEN] = draw_broken,
        };

        d->message->type = TYPE_CALL;
        d->message->flags = (uint8_t) (random_once_in(d->random, 20) ? random_below(d->random, 8) : 0);
        if (draws[kind])
                draws[kind](d);
        else
                draw_arguments(d, kind == CALL_RIGHT);
}
