import Glibc
import Linux
import Synchronization

/// Counters that all processes of a machine see at once, in one mapped file.
///
/// A counter goes up by one with each change. Its word has the count in the lower half and the complement in the upper,
/// so that one store changes both and a damaged word shows.
final class SharedCounters: @unchecked Sendable {
    enum Name: Int, CaseIterable {
        case machine
        case faults
        /// The state that the capability tree was last brought in line with.
        case tree
        case xids
        /// The start of the machine that its device nodes are of.
        case boot
    }

    /// Whether this process may count.
    let isWritable: Bool
    private let path: String
    // The mapping lives until deinit, and is read and written through atomics only.
    private let base: UnsafeMutableRawPointer

    private static let bytes = 4096
    private static let spacing = 64

    /// Makes the file of a new machine.
    static func make(at path: String) throws(SystemError) {
        var bytes = [UInt8](repeating: 0, count: bytes)
        for name in Name.allCases {
            let start = name.rawValue * spacing
            bytes.replaceSubrange(start..<start + 8, with: withUnsafeBytes(of: word(0), Array.init))
        }
        try Files.write(path, bytes)
    }

    init(at path: String) throws(MachineError) {
        self.path = path
        let size: Int64
        do throws(SystemError) {
            let file: FileDescriptor
            do {
                file = try Files.open(path, .readWrite)
                isWritable = true
            } catch  where [.access, .notPermitted, .readOnly].contains(error.code) {
                file = try Files.open(path, .read)
                isWritable = false
            }
            size = try file.attributes().size
            let protection = isWritable ? PROT_READ | PROT_WRITE : PROT_READ
            guard let base = mmap(nil, Self.bytes, protection, MAP_SHARED, file.raw, 0), base != MAP_FAILED else {
                throw SystemError("mmap", Errno(rawValue: errno), path)
            }
            self.base = base
        } catch {
            throw .system(error)
        }
        // A mapping past the end of its file is a trap.
        guard size == Self.bytes else {
            throw .damaged(path: path, .text("it has \(size) bytes and not \(Self.bytes)"))
        }
        // All of them now, so that nothing is half done when one turns out to be damaged.
        for name in Name.allCases { _ = try count(name) }
    }

    deinit { munmap(base, Self.bytes) }

    /// What a counter stands at.
    func count(_ name: Name) throws(MachineError) -> UInt32 {
        let word = pointer(name).pointee.load(ordering: .acquiring)
        let count = UInt32(truncatingIfNeeded: word)
        guard word == Self.word(count) else { throw .damaged(path: path, .text("its count of \(name) is none")) }
        return count
    }

    /// Has a counter stand at another count, for all processes at once.
    func set(_ name: Name, to count: UInt32) {
        precondition(isWritable, "a process that may not write the state does not count")
        pointer(name).pointee.store(Self.word(count), ordering: .releasing)
    }

    private static func word(_ count: UInt32) -> UInt64 { UInt64(~count) << 32 | UInt64(count) }

    private func pointer(_ name: Name) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (base + name.rawValue * Self.spacing).assumingMemoryBound(to: Atomic<UInt64>.self)
    }
}
