import Linux
import Synchronization

/// A value that several processes share: two files that are written in turn, and a counter that tells which of them
/// holds.
///
/// A new value is written to the file that does not hold, and comes into force by one store to the counter. So a
/// process that is killed at any point leaves the old value or the new one, and a process that finds the number it last
/// saw need not look at a file. A file that is not what was written for the counter's number is refused. Nothing is
/// synchronised to the disk: the machine need not outlive the host.
final class SharedDocument<Value: Sendable>: Sendable {
    private let path: String
    private let counters: SharedCounters
    private let counter: SharedCounters.Name
    private let decode: @Sendable ([UInt8]) throws(StateDamage) -> Value
    private let cache = Mutex<(count: UInt32, value: Value)?>(nil)

    private static var bytes: Int { 1 << 20 }

    init(
        _ path: String, counters: SharedCounters, counter: SharedCounters.Name,
        decode: @escaping @Sendable ([UInt8]) throws(StateDamage) -> Value
    ) {
        self.path = path
        self.counters = counters
        self.counter = counter
        self.decode = decode
    }

    /// Writes the first value of a document whose counter stands at 0.
    static func make(_ path: String, _ bytes: [UInt8]) throws(SystemError) {
        for count in [0, 1] as [UInt32] { try Files.write(file(path, count), Seal.close(bytes, count: count)) }
    }

    /// The value as it stands; costs a load where nothing changed. `lock` is taken only against a crowd of writers.
    func value(lock: MachineLock) throws(MachineError) -> Value {
        for _ in 0..<16 {
            let count = try counters.count(counter)
            if let cached = cached(count) { return cached }
            let bytes = try read(count)
            // While the count stands nobody writes to the file that holds, so what was read is whole.
            guard try counters.count(counter) == count else { continue }
            return try keep(bytes, count)
        }
        return try lock.hold { () throws(MachineError) in try valueUnderLock() }
    }

    /// The value as it stands, for one who holds the lock.
    func valueUnderLock() throws(MachineError) -> Value {
        let count = try counters.count(counter)
        if let cached = cached(count) { return cached }
        return try keep(try read(count), count)
    }

    /// Puts a new value in place; the caller holds the lock, and `bytes` are what `decode` makes the value of.
    func replace(with value: Value, _ bytes: [UInt8]) throws(MachineError) {
        let next = try counters.count(counter) &+ 1
        do throws(SystemError) {
            // Written over and then cut: to empty a file first would make some file systems wait for the disk.
            let file = try Files.open(Self.file(path, next), [.write, .noFollow])
            let sealed = Seal.close(bytes, count: next)
            try file.write(sealed)
            try file.truncate(to: Int64(sealed.count))
        } catch {
            throw .system(error)
        }
        counters.set(counter, to: next)
        cache.withLock { $0 = (next, value) }
    }

    private func cached(_ count: UInt32) -> Value? {
        cache.withLock { $0?.count == count ? $0?.value : nil }
    }

    private func keep(_ bytes: [UInt8], _ count: UInt32) throws(MachineError) -> Value {
        let value: Value
        do {
            value = try decode(try Seal.open(bytes, count: count))
        } catch {
            throw .damaged(path: Self.file(path, count), error)
        }
        cache.withLock { $0 = (count, value) }
        return value
    }

    private func read(_ count: UInt32) throws(MachineError) -> [UInt8] {
        let file = Self.file(path, count)
        do {
            return try Files.read(file, limit: Self.bytes)
        } catch {
            switch error.code {
            case .notFound: throw .damaged(path: file, .text("it is not there"))
            case .fileTooBig: throw .damaged(path: file, .text("it has more than \(Self.bytes) bytes"))
            default: throw .system(error)
            }
        }
    }

    private static func file(_ path: String, _ count: UInt32) -> String { "\(path).\(count % 2)" }
}
