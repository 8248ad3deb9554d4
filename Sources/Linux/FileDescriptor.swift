internal import CLinux
internal import Glibc

/// An open file that is closed with its owner.
///
/// All of them are close-on-exec; a program that is started gets only what it is handed on purpose.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The number; valid while this value lives, so it may cross one call and no more.
    package let raw: Int32

    /// Takes over a number that nobody else closes.
    package init(owning raw: Int32) { self.raw = raw }

    deinit { _ = close(raw) }

    /// Gives the number to the caller, who must see to its closing.
    package consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// A second number for the same open file. `fcntl(F_DUPFD_CLOEXEC)`
    package func duplicate() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try checked("fcntl") { fcntl(raw, F_DUPFD_CLOEXEC, 3) })
    }

    /// At most so many bytes; empty at the end. Blocks as the file does. `read(2)`
    package func read(upTo count: Int) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(SystemError) {
                // SAFETY: the buffer has room for count bytes, and the kernel writes at most that many.
                initialized = try checked("read") { unsafe Glibc.read(raw, buffer.baseAddress, count) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Bytes from a place in the file, less only at its end. `pread(2)`
    package func read(upTo count: Int, at offset: Int64) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(SystemError) {
                while initialized < count {
                    // SAFETY: the tail of the buffer has count - initialized bytes of room.
                    let got = try checked("pread") {
                        unsafe pread(
                            raw, buffer.baseAddress.map { unsafe $0 + initialized }, count - initialized,
                            off_t(offset) + off_t(initialized))
                    }
                    if got == 0 { break }
                    initialized += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes bytes from a place in the file over those of an array, from its beginning. `pread(2)`
    ///
    /// - Returns: how many; less than the array has only at the file's end.
    package func read(into bytes: inout [UInt8], at offset: Int64) throws(SystemError) -> Int {
        var filled = 0
        while filled < bytes.count {
            let got = try checked("pread") {
                // SAFETY: the tail of the array has as much room as the kernel is told.
                unsafe bytes.withUnsafeMutableBytes { buffer in
                    let tail = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                    return unsafe pread(raw, tail.baseAddress, tail.count, off_t(offset) + off_t(filled))
                }
            }
            if got == 0 { break }
            filled += got
        }
        return filled
    }

    /// All bytes to the end. One more than the limit is `EFBIG`: nothing is cut silently.
    package func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let part = try read(upTo: min(64 << 10, limit - all.count + 1))
            if part.isEmpty { return all }
            all += part
            guard all.count <= limit else { throw SystemError("read", .fileTooBig) }
        }
    }

    /// One write, as far as the kernel takes it. `write(2)`
    ///
    /// - Returns: how many bytes it took; fewer than given means a full disk or a full pipe.
    package func writeOnce(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        // SAFETY: the pointer is valid for the slice's count during the call.
        try checked("write") {
            unsafe bytes.withUnsafeBytes { unsafe Glibc.write(raw, $0.baseAddress, $0.count) }
        }
    }

    /// All bytes, in as many writes as the kernel wants.
    package func write(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(try writeOnce(rest))
        }
    }

    /// `fstat(2)`
    package func attributes() throws(SystemError) -> FileAttributes {
        var status = stat()
        // SAFETY: status lives through the call.
        _ = try checked("fstat") { unsafe fstat(raw, &status) }
        return FileAttributes(status)
    }

    /// Waits until data and metadata needed to read them are on the disk. `fdatasync(2)`
    package func synchronizeData() throws(SystemError) {
        _ = try checked("fdatasync") { fdatasync(raw) }
    }

    /// Waits until everything is on the disk; for directories after a rename. `fsync(2)`
    package func synchronize() throws(SystemError) {
        _ = try checked("fsync") { fsync(raw) }
    }

    /// `ftruncate(2)`
    package func truncate(to size: Int64) throws(SystemError) {
        _ = try checked("ftruncate") { ftruncate(raw, off_t(size)) }
    }

    /// Reserves blocks past the end without changing the size. `fallocate(FALLOC_FL_KEEP_SIZE)`
    package func reserve(from offset: Int64, count: Int64) throws(SystemError) {
        let mode = Int32(migbroker_FALLOC_FL_KEEP_SIZE)
        _ = try checked("fallocate") { fallocate(raw, mode, off_t(offset), off_t(count)) }
    }

    /// Takes the advisory lock of the open file, exclusively or shared, without waiting. `flock(2)`
    ///
    /// - Returns: false where somebody else holds it.
    package func tryLock(exclusively: Bool) throws(SystemError) -> Bool {
        do {
            _ = try checked("flock") { flock(raw, (exclusively ? LOCK_EX : LOCK_SH) | LOCK_NB) }
            return true
        } catch  where error.code == .again {
            return false
        }
    }
}
