/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_replay.c: runs a fuzz target over a folder of stored inputs, without libFuzzer.
 *
 * Why: the corpus and the inputs of past crashes are regression tests, and those must run
 * with every compiler and sanitizer, not only where clang's fuzzer is at hand.
 *
 * Each regular file of the folder is one test. A folder that is missing or empty fails the
 * run, since a replay of nothing would pass for ever. The name of the input is printed
 * before it is fed, so that the last line before a crash tells which one it was. Files are
 * read whole into memory of their own, exactly as long as the file, so that the address
 * sanitizer sees a read one byte too far.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/lib/fuzz.h"

enum { INPUT_BYTES_MAX = 16 * 1024 * 1024, PATH_BYTES = 4096 };

/* Feeds one file. False when it cannot be read. */
static _Bool replay_file(const char *path, size_t bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return 0;
    }
    uint8_t *data = malloc(bytes == 0 ? 1 : bytes);
    _Bool complete = data != NULL && fread(data, 1, bytes, file) == bytes;
    (void)fclose(file);
    if (complete) {
        (void)LLVMFuzzerTestOneInput(data, bytes);
    }
    free(data);
    return complete;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        (void)fprintf(stderr, "%s: cannot be opened\n", argv[1]);
        return 1;
    }
    unsigned passed = 0;
    unsigned failed = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[PATH_BYTES];
        struct stat status;
        int length = snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        _Bool fits = length > 0 && (size_t)length < sizeof path;
        if (fits && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
            continue;
        }
        (void)printf("%s\n", entry->d_name);
        (void)fflush(stdout);
        if (fits && stat(path, &status) == 0 && status.st_size <= INPUT_BYTES_MAX &&
            replay_file(path, (size_t)status.st_size)) {
            passed++;
        } else {
            failed++;
        }
    }
    (void)closedir(folder);
    (void)printf("%u passed, %u failed\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}
