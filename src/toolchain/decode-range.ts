/** The name of the program below, in the tool's `bin` folder beside xz. */
export const RANGE_DECODER = 'xz-range';

/**
 * `xz-range <offset> <size> <memory limit>`: decodes xz or lzma from standard input by liblzma's public interface
 * (`lzma/container.h`), writes `size` bytes of the result from `offset` on, and ends. xz itself can write only all of
 * it, 8 KiB at a time, through a pipe to a second program. The stream's own check is ignored, as by
 * `xz --ignore-check`. Exit status 1 and one line on standard error: what went wrong.
 */
export const RANGE_DECODER_SOURCE = `#include <errno.h>
#include <inttypes.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t in[256 * 1024], out[256 * 1024];

static int fail(const char *message) {
  fprintf(stderr, "xz-range: %s\\n", message);
  return 1;
}

static const char *message_of(lzma_ret ret) {
  switch (ret) {
  case LZMA_FORMAT_ERROR: return "File format not recognized";
  case LZMA_OPTIONS_ERROR: return "Unsupported options";
  case LZMA_DATA_ERROR: return "Compressed data is corrupt";
  case LZMA_BUF_ERROR: return "Unexpected end of input";
  case LZMA_MEM_ERROR: return "Cannot allocate memory";
  case LZMA_MEMLIMIT_ERROR: return "Memory usage limit reached";
  default: return "Internal error";
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return fail("usage: xz-range <offset> <size> <memory limit>");
  uint64_t skip = strtoull(argv[1], NULL, 10);
  uint64_t left = strtoull(argv[2], NULL, 10);
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_action action = LZMA_RUN;
  lzma_ret ret = lzma_auto_decoder(&stream, strtoull(argv[3], NULL, 10), LZMA_IGNORE_CHECK);
  while (ret == LZMA_OK && left > 0) {
    if (stream.avail_in == 0 && action == LZMA_RUN) {
      ssize_t count = read(STDIN_FILENO, in, sizeof in);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(strerror(errno));
      if (count == 0) action = LZMA_FINISH;
      stream.next_in = in;
      stream.avail_in = (size_t)count;
    }
    stream.next_out = out;
    stream.avail_out = sizeof out;
    ret = lzma_code(&stream, action);
    size_t size = sizeof out - stream.avail_out;
    size_t skipped = skip < size ? (size_t)skip : size;
    skip -= skipped;
    size -= skipped;
    if (size > left) size = (size_t)left;
    left -= size;
    for (uint8_t *next = out + skipped; size > 0;) {
      ssize_t count = write(STDOUT_FILENO, next, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(strerror(errno));
      next += count;
      size -= (size_t)count;
    }
  }
  if (left == 0) return 0;
  return fail(ret == LZMA_STREAM_END ? "The data ends before the range" : message_of(ret));
}
`;
