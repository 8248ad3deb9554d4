import Linux
import Synchronization

/// A value that several processes share: one file that is replaced whole, and a counter that tells when it was.
///
/// A process that is killed at any point leaves the old file or the new one. Nothing is synchronised to the disk: the
/// machine need not outlive the host.
final class SharedDocument<Value: Sendable>: Sendable {
    let path: String
    private let counters: SharedCounters
    private let counter: SharedCounters.Name
    private let decode: @Sendable ([UInt8]) throws(StateDamage) -> Value
    private let cache = Mutex<(count: UInt64, value: Value)?>(nil)

    init(
        _ path: String, counters: SharedCounters, counter: SharedCounters.Name,
        decode: @escaping @Sendable ([UInt8]) throws(StateDamage) -> Value
    ) {
        self.path = path
        self.counters = counters
        self.counter = counter
        self.decode = decode
    }

    /// The value as it stands; costs two loads where nothing changed.
    ///
    /// `lock` is taken only where somebody is replacing the file or was killed while he did.
    func value(lock: MachineLock) throws(MachineError) -> Value {
        for _ in 0..<8 {
            let count = counters[counter]
            if let cached = cached(count) { return cached }
            if count % 2 == 1 { break }
            let value = try read()
            if counters[counter] == count {
                cache.withLock { $0 = (count, value) }
                return value
            }
        }
        return try lock.hold { () throws(MachineError) in try valueUnderLock() }
    }

    /// The value as it stands, for one who holds the lock; sees to what a killed process left.
    func valueUnderLock() throws(MachineError) -> Value {
        let count = counters[counter]
        if let cached = cached(count) { return cached }
        let value = try read()
        guard count % 2 == 0 || counters.isWritable else { return value }
        if count % 2 == 1 { counters[counter] = count + 1 }
        cache.withLock { $0 = (count + count % 2, value) }
        return value
    }

    /// Puts a new value in place; the caller holds the lock, and `bytes` are what `decode` makes the value of.
    func replace(with value: Value, _ bytes: [UInt8]) throws(MachineError) {
        let count = counters[counter]
        let draft = path + ".new"
        do throws(SystemError) {
            try Files.write(draft, bytes)
            // Odd before the rename and even after it: whoever comes in between looks at the file himself.
            counters[counter] = count | 1
            try Files.rename(draft, to: path)
        } catch {
            throw .system(error)
        }
        let next = (count | 1) + 1
        counters[counter] = next
        cache.withLock { $0 = (next, value) }
    }

    private func cached(_ count: UInt64) -> Value? {
        guard count % 2 == 0 else { return nil }
        return cache.withLock { $0?.count == count ? $0?.value : nil }
    }

    private func read() throws(MachineError) -> Value {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path, limit: 1 << 20)
        } catch {
            throw .system(error)
        }
        do {
            return try decode(bytes)
        } catch {
            throw .damaged(path: path, error)
        }
    }
}
