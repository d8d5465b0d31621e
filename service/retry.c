/* SPDX-License-Identifier: Apache-2.0 */

#include "bus-names.h"
#include "memfd.h"
#include "retry.h"

static int use_kept_input(const char *id, const SpecInput *input, Spec *spec, int *ret_fd, sd_bus_error *error) {
        int r;

        if (spec->stdin_fd >= 0 || !input->has_stdin)
                return 0;
        if (input->erased)
                return sd_bus_error_setf(error, JOBS_ERROR_INVALID_ARGUMENT,
                                         "The standard input of %s was erased when it ended (see KeepInput= in "
                                         "codex-jobs.conf(5)); give it again.", id);
        r = memfd_new("codex-job-stdin", input->stdin_data, input->stdin_size);
        if (r < 0)
                return r;
        spec->stdin_fd = *ret_fd = r;
        return 0;
}

int retry_make_spec(const StoredJob *stored, const void *encoded, size_t size, sd_bus_message *call, Spec *ret,
                    int *ret_input_fd, sd_bus_error *error) {
        const JobRecord *record = &stored->record;
        _cleanup_close_ int input_fd = -EBADF;
        _cleanup_spec_ Spec spec = SPEC_INIT;
        SpecInput input;
        int r;

        r = spec_decode(encoded, size, &spec, &input);
        if (r < 0)
                return r;
        spec.kind = record->kind;
        spec.label = record->label;
        spec.workspace = record->workspace;
        spec.session = record->session;
        spec.notify = record->notify != 0;
        spec.retry_of = record->id;
        spec.limits = stored->limits;
        r = spec_read_retry(call, &spec, error);
        if (r >= 0)
                r = use_kept_input(record->id, &input, &spec, &input_fd, error);
        if (r < 0)
                return r;
        *ret = spec_take(&spec);
        *ret_input_fd = TAKE_FD(input_fd);
        return 0;
}
