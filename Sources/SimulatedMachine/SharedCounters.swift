import Glibc
import Linux
import Synchronization

/// Counters that all processes of a machine see at once, in one mapped file.
///
/// A counter goes up by one with each change, and never back.
final class SharedCounters: @unchecked Sendable {
    enum Name: Int, CaseIterable {
        case machine
        case faults
        /// The state that the capability tree was last brought in line with.
        case tree
    }

    /// Whether this process may count.
    let isWritable: Bool
    // The mapping lives until deinit, and is read and written through atomics only.
    private let base: UnsafeMutableRawPointer

    private static let bytes = 4096

    /// Makes the file of a new machine.
    static func make(at path: String) throws(SystemError) {
        try Files.write(path, [UInt8](repeating: 0, count: bytes))
    }

    init(at path: String) throws(SystemError) {
        let file: FileDescriptor
        do {
            file = try Files.open(path, .readWrite)
            isWritable = true
        } catch  where [.access, .notPermitted, .readOnly].contains(error.code) {
            file = try Files.open(path, .read)
            isWritable = false
        }
        guard try file.attributes().size == Self.bytes else { throw SystemError("open", .invalid, path) }
        let protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
        guard let base = mmap(nil, Self.bytes, protection, MAP_SHARED, file.raw, 0), base != MAP_FAILED else {
            throw SystemError("mmap", Errno(rawValue: errno), path)
        }
        self.base = base
    }

    deinit { munmap(base, Self.bytes) }

    subscript(name: Name) -> UInt64 {
        get { pointer(name).pointee.load(ordering: .acquiring) }
        set {
            precondition(isWritable, "a process that may not write the state does not count")
            pointer(name).pointee.store(newValue, ordering: .releasing)
        }
    }

    private func pointer(_ name: Name) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (base + name.rawValue * 64).assumingMemoryBound(to: Atomic<UInt64>.self)
    }
}
