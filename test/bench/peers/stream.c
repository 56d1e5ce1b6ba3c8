/*
 * Times a stream of TPM command bytes on a native TPM, so that the bench compares engines and not Node's sockets.
 *
 *   stream library FILE RUNS        libtpms in this process; each run: fresh TPM, setup, timed commands
 *   stream socket  FILE RUNS PATH   swtpm behind a Unix socket that is already started; setup once, then runs
 *
 * FILE: u32 number of setup commands, u32 number of timed commands (big-endian), then each command as u32 size and bytes.
 * Prints the median over the runs in nanoseconds: for `library` two numbers, of a whole run (fresh TPM included) and of the timed
 * commands; for `socket` the timed commands. Exits 1 where a timed command fails.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_memory.h>

struct command {
    uint32_t size;
    unsigned char *bytes;
};

static struct command *commands;
static uint32_t setup_count, timed_count;

static void die(const char *what)
{
    fprintf(stderr, "stream: %s\n", what);
    exit(1);
}

static uint32_t read_u32(FILE *file)
{
    unsigned char b[4];
    if (fread(b, 1, 4, file) != 4)
        die("short file");
    return (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        die("cannot open the command file");
    setup_count = read_u32(file);
    timed_count = read_u32(file);
    commands = calloc(setup_count + timed_count, sizeof *commands);
    for (uint32_t i = 0; i < setup_count + timed_count; i++) {
        commands[i].size = read_u32(file);
        commands[i].bytes = malloc(commands[i].size);
        if (fread(commands[i].bytes, 1, commands[i].size, file) != commands[i].size)
            die("short file");
    }
    fclose(file);
}

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *values, int count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* NVRAM in memory: a fresh TPM finds nothing. */
static unsigned char *nv_data;
static uint32_t nv_size;

static TPM_RESULT nv_init(void) { return TPM_SUCCESS; }

static TPM_RESULT nv_load(unsigned char **data, uint32_t *length, uint32_t number, const char *name)
{
    (void)number;
    if (!nv_data || strcmp(name, "permall"))
        return TPM_RETRY;
    if (TPM_Malloc(data, nv_size))
        return TPM_FAIL;
    memcpy(*data, nv_data, nv_size);
    *length = nv_size;
    return TPM_SUCCESS;
}

static TPM_RESULT nv_store(const unsigned char *data, uint32_t length, uint32_t number, const char *name)
{
    (void)number;
    if (strcmp(name, "permall"))
        return TPM_SUCCESS;
    nv_data = realloc(nv_data, length);
    memcpy(nv_data, data, length);
    nv_size = length;
    return TPM_SUCCESS;
}

static TPM_RESULT nv_delete(uint32_t number, const char *name, TPM_BOOL must_exist)
{
    (void)number, (void)name, (void)must_exist;
    return TPM_SUCCESS;
}

static TPM_RESULT io_init(void) { return TPM_SUCCESS; }

static TPM_RESULT io_locality(TPM_MODIFIER_INDICATOR *locality, uint32_t number)
{
    (void)number;
    *locality = 0;
    return TPM_SUCCESS;
}

static TPM_RESULT io_presence(TPM_BOOL *present, uint32_t number)
{
    (void)number;
    *present = 0;
    return TPM_SUCCESS;
}

static unsigned char *response;
static uint32_t response_size, response_total;

static void in_process(const struct command *command)
{
    if (TPMLIB_Process(&response, &response_size, &response_total, command->bytes, command->size))
        die("TPMLIB_Process");
    if (response_size < 10 || response[6] || response[7] || response[8] || response[9])
        die("libtpms refused a command");
}

static void library(int runs)
{
    struct libtpms_callbacks callbacks = {
        sizeof callbacks, nv_init, nv_load, nv_store, nv_delete, io_init, io_locality, io_presence,
    };
    uint64_t *whole = calloc(runs, sizeof *whole), *timed = calloc(runs, sizeof *timed);
    if (TPMLIB_RegisterCallbacks(&callbacks) || TPMLIB_ChooseTPMVersion(TPMLIB_TPM_VERSION_2))
        die("libtpms set-up");
    for (int r = 0; r < runs; r++) {
        free(nv_data);
        nv_data = NULL;
        uint64_t t0 = now();
        if (TPMLIB_MainInit())
            die("TPMLIB_MainInit");
        for (uint32_t i = 0; i < setup_count; i++)
            in_process(&commands[i]);
        uint64_t t1 = now();
        for (uint32_t i = setup_count; i < setup_count + timed_count; i++)
            in_process(&commands[i]);
        uint64_t t2 = now();
        TPMLIB_Terminate();
        whole[r] = t2 - t0;
        timed[r] = t2 - t1;
    }
    printf("%llu %llu\n", (unsigned long long)median(whole, runs), (unsigned long long)median(timed, runs));
}

static void transfer(int fd, const struct command *command)
{
    static unsigned char buffer[8192];
    if (write(fd, command->bytes, command->size) != (ssize_t)command->size)
        die("short write");
    size_t have = 0, need = 10;
    while (have < need) {
        ssize_t n = read(fd, buffer + have, sizeof buffer - have);
        if (n <= 0)
            die("connection closed");
        have += n;
        if (have >= 10)
            need = (size_t)buffer[2] << 24 | buffer[3] << 16 | buffer[4] << 8 | buffer[5];
    }
    if (buffer[6] || buffer[7] || buffer[8] || buffer[9])
        die("swtpm refused a command");
}

static void socketed(int runs, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    uint64_t *timed = calloc(runs, sizeof *timed);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    /* The socket file is there before the server listens. */
    for (int left = 10000; connect(fd, (struct sockaddr *)&address, sizeof address); usleep(100))
        if (errno != ECONNREFUSED || left-- == 0)
            die(strerror(errno));
    for (uint32_t i = 0; i < setup_count; i++)
        transfer(fd, &commands[i]);
    for (int r = 0; r < runs; r++) {
        uint64_t t = now();
        for (uint32_t i = setup_count; i < setup_count + timed_count; i++)
            transfer(fd, &commands[i]);
        timed[r] = now() - t;
    }
    printf("%llu\n", (unsigned long long)median(timed, runs));
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        die("usage: stream library FILE RUNS | stream socket FILE RUNS PATH");
    load(argv[2]);
    if (!strcmp(argv[1], "library"))
        library(atoi(argv[3]));
    else if (argc == 5)
        socketed(atoi(argv[3]), argv[4]);
    return 0;
}
