// SHA-256 by the processor's own instructions, where it has them (x86-64: SHA, SSSE3 and SSE4.1).
//
// Vectors are the compiler's own and the instructions its builtins: immintrin.h alone is longer than all of this module.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <string.h>

static inline int migbroker_sha256_is_supported(void) {
    unsigned int a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

typedef uint32_t migbroker_words __attribute__((vector_size(16)));
typedef int migbroker_ints __attribute__((vector_size(16)));
typedef uint8_t migbroker_bytes __attribute__((vector_size(16)));

// Takes so many blocks of 64 bytes into the state. Only where migbroker_sha256_is_supported says yes. The constants are
// the 64 words of FIPS 180-4, section 4.2.2.
__attribute__((target("sha,ssse3,sse4.1"))) static inline void migbroker_sha256_blocks(
    uint32_t *state, const uint32_t *constants, const uint8_t *bytes, size_t blocks) {
    migbroker_words abcd, efgh;
    memcpy(&abcd, state, sizeof abcd);
    memcpy(&efgh, state + 4, sizeof efgh);
    // The instructions want the words in this order.
    migbroker_words abef = __builtin_shufflevector(abcd, efgh, 5, 4, 1, 0);
    migbroker_words cdgh = __builtin_shufflevector(abcd, efgh, 7, 6, 3, 2);
    for (; blocks > 0; blocks--, bytes += 64) {
        const migbroker_words abef_before = abef, cdgh_before = cdgh;
        // The last sixteen words of the message schedule, four by four.
        migbroker_words w[4];
#pragma clang loop unroll(full)
        for (int group = 0; group < 16; group++) {
            migbroker_words *now = &w[group & 3];
            if (group < 4) {
                migbroker_bytes block;
                memcpy(&block, bytes + 16 * group, sizeof block);
                *now = (migbroker_words)__builtin_shufflevector(
                    block, block, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
            } else {
                const migbroker_words second = w[(group + 1) & 3];
                const migbroker_words third = w[(group + 2) & 3];
                const migbroker_words last = w[(group + 3) & 3];
                *now = (migbroker_words)__builtin_ia32_sha256msg1((migbroker_ints)*now, (migbroker_ints)second);
                *now += __builtin_shufflevector(third, last, 1, 2, 3, 4);
                *now = (migbroker_words)__builtin_ia32_sha256msg2((migbroker_ints)*now, (migbroker_ints)last);
            }
            migbroker_words constant;
            memcpy(&constant, constants + 4 * group, sizeof constant);
            const migbroker_words sum = *now + constant;
            const migbroker_ints two = (migbroker_ints)sum;
            const migbroker_ints next_two = __builtin_shufflevector(two, two, 2, 3, 2, 3);
            // Each does two rounds, after which the two halves of the state have changed places.
            cdgh = (migbroker_words)__builtin_ia32_sha256rnds2((migbroker_ints)cdgh, (migbroker_ints)abef, two);
            abef = (migbroker_words)__builtin_ia32_sha256rnds2((migbroker_ints)abef, (migbroker_ints)cdgh, next_two);
        }
        abef += abef_before;
        cdgh += cdgh_before;
    }
    abcd = __builtin_shufflevector(abef, cdgh, 3, 2, 7, 6);
    efgh = __builtin_shufflevector(abef, cdgh, 1, 0, 5, 4);
    memcpy(state, &abcd, sizeof abcd);
    memcpy(state + 4, &efgh, sizeof efgh);
}

#else

static inline int migbroker_sha256_is_supported(void) {
    return 0;
}

static inline void migbroker_sha256_blocks(
    uint32_t *state, const uint32_t *constants, const uint8_t *bytes, size_t blocks) {
    (void)state;
    (void)constants;
    (void)bytes;
    (void)blocks;
    __builtin_trap();
}

#endif
