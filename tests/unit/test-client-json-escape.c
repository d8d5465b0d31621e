/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include <json-c/json.h>

#include "json-escape.h"
#include "test.h"

static void check_escaped(const char *json, bool ascii, const char *expected) {
        _cleanup_free_ char *text = json_escape(json, ascii);
        json_object *before = json_tokener_parse(json), *after;

        check_string(text, expected);
        after = json_tokener_parse(text);
        check(before && after);
        check(json_object_equal(before, after));
        (void) json_object_put(before);
        (void) json_object_put(after);
}

static void text_stays(void) {
        check_escaped("{\"Grüße\":[1,\"世界 𝄞\\u0007\\\\\\\"\"]}", false, "{\"Grüße\":[1,\"世界 𝄞\\u0007\\\\\\\"\"]}");
        check_escaped("\"~\u00a0\u061b\u200d\u2010\u2027\u202f\u2065\u206a\"", false,
                      "\"~\u00a0\u061b\u200d\u2010\u2027\u202f\u2065\u206a\"");
}

static void what_is_obeyed_is_escaped(void) {
        check_escaped("\"\x7f\xc2\x80\xc2\x9b\xc2\x9f\"", false, "\"\\u007f\\u0080\\u009b\\u009f\"");
        check_escaped("{\"\xc2\x9b\":\"\\\\\x7f\"}", false, "{\"\\u009b\":\"\\\\\\u007f\"}");
}

static void what_misleads_is_escaped(void) {
        check_escaped("\"\u061c\u200e\u200f\u2028\u2029\"", false, "\"\\u061c\\u200e\\u200f\\u2028\\u2029\"");
        check_escaped("\"\u202a\u202e\u2066\u2069\"", false, "\"\\u202a\\u202e\\u2066\\u2069\"");
}

static void ascii(void) {
        check_escaped("{\"ü\":\"世\U0001d11e\U0010ffff\uffff~\"}", true,
                      "{\"\\u00fc\":\"\\u4e16\\ud834\\udd1e\\udbff\\udfff\\uffff~\"}");
}

TEST_MAIN(TEST(text_stays), TEST(what_is_obeyed_is_escaped), TEST(what_misleads_is_escaped), TEST(ascii))
