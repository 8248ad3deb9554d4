// Looks through text by many bytes at once: the audit log is read by the gigabyte, and memmem takes a byte at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t migbroker_text __attribute__((vector_size(16)));

// Sixteen places that are 0xFF where both bytes are the ones looked for, as two words.
static inline void migbroker_candidates(
    const uint8_t *first, migbroker_text first_byte, const uint8_t *second, migbroker_text second_byte,
    uint64_t places[2]) {
    migbroker_text at_first, at_second;
    memcpy(&at_first, first, sizeof at_first);
    memcpy(&at_second, second, sizeof at_second);
    const migbroker_text both = (migbroker_text)((at_first == first_byte) & (at_second == second_byte));
    memcpy(places, &both, sizeof both);
}

// Where the needle is found whole in the text, or -1. Two of its bytes, at `one` and `other`, are looked at first:
// choose such as are rare in the text.
static inline ptrdiff_t migbroker_find(
    const uint8_t *text, size_t length, const uint8_t *needle, size_t count, size_t one, size_t other) {
    if (count == 0 || count > length || one >= count || other >= count) return -1;
    const size_t ends = length - count + 1;
    const migbroker_text one_byte = needle[one] - (migbroker_text){};
    const migbroker_text other_byte = needle[other] - (migbroker_text){};
    size_t at = 0;
    for (; at + 16 <= ends; at += 16) {
        uint64_t places[2];
        migbroker_candidates(text + at + one, one_byte, text + at + other, other_byte, places);
        if (__builtin_expect((places[0] | places[1]) == 0, 1)) continue;
        for (int half = 0; half < 2; half++) {
            // The lowest byte of a word is the first in memory: all machines this is for are little-endian.
            for (uint64_t rest = places[half]; rest != 0;) {
                const int byte = __builtin_ctzll(rest) / 8;
                const size_t place = at + 8 * (size_t)half + (size_t)byte;
                if (memcmp(text + place, needle, count) == 0) return (ptrdiff_t)place;
                rest &= ~((uint64_t)0xff << (8 * byte));
            }
        }
    }
    for (; at < ends; at++) {
        if (text[at + one] == needle[one] && memcmp(text + at, needle, count) == 0) return (ptrdiff_t)at;
    }
    return -1;
}

// Whether all bytes are printable ASCII. No way out of the loop, so that many bytes are looked at at once.
static inline int migbroker_is_printable(const uint8_t *text, size_t length) {
    uint8_t strangers = 0;
    for (size_t at = 0; at < length; at++) strangers |= (uint8_t)((uint8_t)(text[at] - 0x20) >= 0x5F);
    return strangers == 0;
}

// Whether all bytes are lower-case hex digits.
static inline int migbroker_is_hex(const uint8_t *text, size_t length) {
    uint8_t strangers = 0;
    for (size_t at = 0; at < length; at++) {
        strangers |= (uint8_t)((uint8_t)(text[at] - '0') >= 10) & (uint8_t)((uint8_t)(text[at] - 'a') >= 6);
    }
    return strangers == 0;
}
