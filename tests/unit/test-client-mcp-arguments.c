/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */

#include "arguments.h"
#include "json-build.h"
#include "test.h"

static const char schema_text[] =
        "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{"
        "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":8},"
        "\"word\":{\"type\":\"string\",\"enum\":[\"one\",\"two\"]},"
        "\"n\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":10},"
        "\"least\":{\"type\":\"integer\",\"minimum\":0},"
        "\"yes\":{\"type\":\"boolean\"},"
        "\"list\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":2,\"items\":{\"type\":\"string\"}},"
        "\"map\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}}";

/* What is wrong; NULL: nothing. Valid until the next. */
static const char *wrong(const char *arguments) {
        _cleanup_json_ json_object *schema = json_tokener_parse(schema_text), *given = json_tokener_parse(arguments);
        static char shown[512];
        char *error = NULL;
        int r;

        check(schema && given);
        r = arguments_check(schema, given, &error);
        check(r == 0 || r == -EINVAL);
        check((r == 0) == !error);
        (void) snprintf(shown, sizeof(shown), "%s", strempty(error));
        free(error);
        return r == 0 ? NULL : shown;
}

static void good(void) {
        check_string(wrong("{\"id\":\"a\"}"), NULL);
        check_string(wrong("{\"id\":\"a\",\"word\":\"two\",\"n\":10,\"least\":0,\"yes\":false,\"list\":[\"\"],"
                           "\"map\":{\"a\":\"b\"}}"), NULL);
        check_string(wrong("{\"id\":\"a\",\"word\":null,\"n\":null,\"list\":null}"), NULL);
        check_string(wrong("{\"id\":\"a\",\"n\":3.0,\"map\":{}}"), NULL);
}

static void names(void) {
        check_string(wrong("{}"), "Argument 'id' is missing.");
        check_string(wrong("{\"id\":null}"), "Argument 'id' is missing.");
        check_string(wrong("{\"id\":\"a\",\"x\\u001b[1m\\ny\":1}"), "Argument 'x [1m y' is unknown.");
        check_contains(wrong("{\"id\":\"a\",\"01234567890123456789012345678901234567890123456789"
                             "01234567890123456789\":1}"),
                       "89012345678901234567890123' is unknown.");
}

static void types(void) {
        check_string(wrong("{\"id\":7}"), "Argument 'id' must be a string, not an integer.");
        check_string(wrong("{\"id\":[]}"), "Argument 'id' must be a string, not an array.");
        check_string(wrong("{\"id\":\"a\",\"n\":1.5}"), "Argument 'n' must be an integer, not a fraction.");
        check_string(wrong("{\"id\":\"a\",\"n\":1e300}"), "Argument 'n' must be an integer, not a fraction.");
        check_string(wrong("{\"id\":\"a\",\"n\":\"1\"}"), "Argument 'n' must be an integer, not a string.");
        check_string(wrong("{\"id\":\"a\",\"yes\":1}"), "Argument 'yes' must be a boolean, not an integer.");
        check_string(wrong("{\"id\":\"a\",\"list\":\"a\"}"), "Argument 'list' must be an array, not a string.");
        check_string(wrong("{\"id\":\"a\",\"list\":[null]}"), "Argument 'list' must be a string, not a null.");
        check_string(wrong("{\"id\":\"a\",\"map\":{\"x\":1}}"), "Argument 'map' must be a string, not an integer.");
}

static void ranges(void) {
        check_string(wrong("{\"id\":\"\"}"), "Argument 'id' must not be empty.");
        check_string(wrong("{\"id\":\"123456789\"}"), "Argument 'id' must have at most 8 bytes, not 9.");
        check_string(wrong("{\"id\":\"a\\u0000\"}"), "Argument 'id' has a NUL character.");
        check_string(wrong("{\"id\":\"a\",\"word\":\"three\"}"), "Argument 'word' must be one of one, two.");
        check_string(wrong("{\"id\":\"a\",\"n\":0}"), "Argument 'n' must be from 1 to 10, not 0.");
        check_string(wrong("{\"id\":\"a\",\"least\":-1}"), "Argument 'least' must be at least 0, not -1.");
        check_string(wrong("{\"id\":\"a\",\"list\":[]}"), "Argument 'list' must not be empty.");
        check_string(wrong("{\"id\":\"a\",\"list\":[\"a\",\"b\",\"c\"]}"),
                     "Argument 'list' must have at most 2 items, not 3.");
}

TEST_MAIN(TEST(good), TEST(names), TEST(types), TEST(ranges))
