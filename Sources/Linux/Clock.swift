internal import CLinux
internal import Glibc
package import MIG

/// The kernel's clocks. Deadlines count on `boottime`, which no one can set; `wall` is for people.
package enum Clock {
    /// CLOCK_REALTIME; may jump.
    package static func wall() -> Timestamp { Timestamp(nanosecondsSinceEpoch: read(CLOCK_REALTIME)) }

    /// CLOCK_BOOTTIME in nanoseconds: since boot, suspend included.
    package static func boottime() -> Int64 { read(CLOCK_BOOTTIME) }

    /// CLOCK_MONOTONIC in nanoseconds: since boot, suspend left out.
    package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Names this boot of the kernel; boottimes of different boots do not compare.
    package static func bootID() throws(SystemError) -> String {
        let bytes = try Files.read("/proc/sys/kernel/random/boot_id", limit: 64)
        return String(decoding: bytes.prefix { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
    }

    /// Blocks this thread for a while. `nanosleep(2)`
    package static func sleep(milliseconds: Int) {
        let deadline = monotonic() + Int64(milliseconds) * 1_000_000
        while true {
            let rest = deadline - monotonic()
            if rest <= 0 { return }
            var time = timespec(tv_sec: Int(rest / 1_000_000_000), tv_nsec: Int(rest % 1_000_000_000))
            // SAFETY: time lives through the call; an interrupted sleep goes on by the deadline.
            _ = unsafe nanosleep(&time, nil)
        }
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: time lives through the call. These clocks exist on every Linux that Swift runs on.
        guard unsafe clock_gettime(clock, &time) == 0 else { preconditionFailure("the kernel has no clock \(clock)") }
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// The kernel's random numbers.
package enum Random {
    /// So many bytes nobody can guess. `getrandom(2)`
    package static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            // SAFETY: the kernel writes at most the bytes that are left.
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe getrandom(buffer.baseAddress.map { unsafe $0 + filled }, count - filled, 0)
            }
            // Without randomness ids could be guessed: there is no way to go on. EINTR is the only excuse.
            guard got > 0 || Errno.last == .interrupted else { preconditionFailure("getrandom gives no bytes") }
            filled += max(0, got)
        }
        return bytes
    }
}
