/* Stands before libFuzzer in the process. It counts the edges of each module by itself, since libFuzzer only tells their
 * sum, and hands tests and mutations to Python. Loaded with LD_PRELOAD, before libfuzzer.so and the address sanitizer.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_MODULES 256

typedef int (*test_t)(const uint8_t *data, size_t size);
typedef size_t (*mutate_t)(uint8_t *data, size_t size, size_t room, unsigned seed);

typedef struct {
    const char *path;
    const uint8_t *counters; /* one an edge; libFuzzer clears them before each input */
    uint8_t *seen;
    size_t edges;
} module_t;

extern int LLVMFuzzerRunDriver(int *argc, char ***argv, test_t test);
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

static module_t modules[MOST_MODULES];
static int module_count;
static test_t python_test;
static mutate_t python_mutate;
static unsigned python_every;
static const char *report_path;

/* Called by each instrumented module when it is loaded. */
void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop) {
    void (*next)(uint8_t *, uint8_t *) = (void (*)(uint8_t *, uint8_t *))dlsym(RTLD_NEXT, __func__);
    Dl_info info;
    if (start < stop && module_count < MOST_MODULES && dladdr(start, &info)) {
        module_t *module = &modules[module_count++];
        module->path = strdup(info.dli_fname);
        module->counters = start;
        module->edges = (size_t)(stop - start);
        module->seen = calloc(1, module->edges);
    }
    next(start, stop);
}

static void gather(void) {
    for (int i = 0; i < module_count; i++) {
        module_t *module = &modules[i];
        for (size_t edge = 0; edge < module->edges; edge++) module->seen[edge] |= module->counters[edge];
    }
}

/* A line for each module: the edges that inputs took, those there are, and its path. */
static void report(void) {
    FILE *file = fopen(report_path, "w");
    if (file == NULL) return;
    for (int i = 0; i < module_count; i++) {
        size_t taken = 0;
        for (size_t edge = 0; edge < modules[i].edges; edge++) taken += modules[i].seen[edge] != 0;
        fprintf(file, "%zu %zu %s\n", taken, modules[i].edges, modules[i].path);
    }
    fclose(file);
}

static int test(const uint8_t *data, size_t size) {
    python_test(data, size);
    gather();
    return 0;
}

/* libFuzzer's own mutations, but for one in `python_every`, which Python makes. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned seed) {
    if (python_mutate != NULL && seed % python_every == 0) return python_mutate(data, size, room, seed / python_every);
    return LLVMFuzzerMutate(data, size, room);
}

/* How many instrumented modules were loaded. */
int xproto_fuzz_modules(void) { return module_count; }

/* Runs libFuzzer with its own arguments; does not return: libFuzzer exits. The edges are written to `path` then. */
int xproto_fuzz(int argc, char **argv, test_t test_one, mutate_t mutate, unsigned every, const char *path) {
    python_test = test_one;
    python_mutate = mutate;
    python_every = every;
    report_path = strdup(path);
    atexit(report);
    return LLVMFuzzerRunDriver(&argc, &argv, test);
}
