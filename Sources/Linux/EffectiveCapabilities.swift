internal import CLinux
internal import Glibc

/// What the kernel's `capable()` would say of this thread; for the simulated driver, which must judge its callers as the
/// real one does.
package enum EffectiveCapabilities {
    /// CAP_SYS_ADMIN over the whole machine: in the effective set, and in the first user namespace. `capget(2)`
    package static var isAdministrator: Bool { has(21) && isInFirstUserNamespace }

    private static func has(_ number: Int) -> Bool {
        // Version 3 of the call: a header of two words, then two sets of effective, permitted and inheritable.
        var header: [UInt32] = [0x2008_0522, 0]
        var sets = [UInt32](repeating: 0, count: 6)
        // SAFETY: both arrays have the sizes that this version of the call reads and writes.
        let result = unsafe header.withUnsafeMutableBytes { header in
            unsafe sets.withUnsafeMutableBytes { unsafe capget(header.baseAddress, $0.baseAddress) }
        }
        return result == 0 && sets[number / 32 * 3] & 1 << UInt32(number % 32) != 0
    }

    // The kernel gives its first user namespace this inode, always (linux/proc_ns.h). Unknown is "no".
    private static var isInFirstUserNamespace: Bool {
        (try? Files.attributesFollowing("/proc/self/ns/user").inode) == 0xEFFF_FFFD
    }
}
