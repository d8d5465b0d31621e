/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "json-build.h"
#include "json-read.h"
#include "test.h"

static json_object *parse(const char *text) {
        json_object *object = json_tokener_parse(text);

        check(object);
        return object;
}

static void members(void) {
        _cleanup_json_ json_object *o = parse("{\"a\":{\"b\":1},\"c\":null}");

        check(json_member(o, "a", json_type_object));
        check(!json_member(o, "a", json_type_array));
        check(!json_member(o, "b", json_type_int));
        check(!json_member(o, "c", json_type_object));
        check(!json_member(NULL, "a", json_type_object));
        check(!json_member(json_member(o, "d", json_type_object), "a", json_type_object));
}

static void texts(void) {
        _cleanup_json_ json_object *o = parse("{\"a\":\"b\",\"n\":1,\"nul\":\"a\\u0000b\",\"\":\"\"}");

        check_string(json_text(o, "a"), "b");
        check_string(json_text(o, ""), "");
        check_string(json_text(o, "n"), NULL);
        check_string(json_text(o, "nul"), NULL);
        check_string(json_text(o, "none"), NULL);
}

static void numbers(void) {
        _cleanup_json_ json_object *o = parse("{\"i\":-7,\"d\":5.0,\"big\":1e300,\"t\":\"5\"}");

        check_int(json_number(o, "i", 1), -7);
        check_int(json_number(o, "d", 1), 5);
        check_int(json_number(o, "big", 1), INT64_MAX);
        check_int(json_number(o, "t", 1), 1);
        check_int(json_number(o, "none", 1), 1);
}

static void truth(void) {
        _cleanup_json_ json_object *o = parse("{\"t\":true,\"f\":false,\"n\":1,\"s\":\"true\"}");

        check(json_is_true(o, "t"));
        check(!json_is_true(o, "f") && !json_is_true(o, "n") && !json_is_true(o, "s") && !json_is_true(o, "none"));
}

static void arrays(void) {
        _cleanup_json_ json_object *o = parse("{\"a\":[\"x\",null,\"z\"],\"e\":[],\"t\":\"x\"}");
        const char *const *const expected = (const char *const[]) { "x", "", "z", NULL };
        _cleanup_free_ const char **a = json_texts(o, "a"), **none = json_texts(o, "t");

        check_int(json_length(o, "a"), 3);
        check_int(json_length(o, "e"), 0);
        check_int(json_length(o, "t"), 0);
        for (size_t i = 0; i < 4; i++)
                check_string(a[i], expected[i]);
        check_string(none[0], NULL);
}

TEST_MAIN(TEST(members), TEST(texts), TEST(numbers), TEST(truth), TEST(arrays))
