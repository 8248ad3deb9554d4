import JSON
import Linux
package import MIG

/// A process that uses a GPU or one of its MIG devices, as a CUDA process would.
package struct Holder: Sendable, Hashable {
    package let pid: Int32
    /// In clock ticks since boot: tells the process from a later one with its number.
    package let started: UInt64
    package let gpu: GPUUUID
    /// Nil for a process on a whole GPU.
    package let instance: Instance?
    package let memoryMiB: Int

    /// The MIG device that is used.
    package struct Instance: Sendable, Hashable {
        package let gpuInstance: GPUInstanceID
        package let computeInstance: ComputeInstanceID

        package init(gpuInstance: GPUInstanceID, computeInstance: ComputeInstanceID) {
            self.gpuInstance = gpuInstance
            self.computeInstance = computeInstance
        }
    }

    package init(pid: Int32, started: UInt64, gpu: GPUUUID, instance: Instance?, memoryMiB: Int) {
        self.pid = pid
        self.started = started
        self.gpu = gpu
        self.instance = instance
        self.memoryMiB = memoryMiB
    }

    /// When a process started, or nil where it is gone or only waits to be buried.
    package static func startTime(of pid: Int32) -> UInt64? {
        guard let bytes = try? Files.read("/proc/\(pid)/stat", limit: 4096),
            // The name in parentheses may hold anything, so count from its last parenthesis.
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let state = fields[0].first, !"ZX".utf8.contains(state) else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// The name of a process: the first word of its command line; nil where it is gone or has none.
    package static func name(of pid: Int32) -> String? {
        guard let bytes = try? Files.read("/proc/\(pid)/cmdline", limit: 4 << 20),
            let word = bytes.split(separator: 0, maxSplits: 1).first
        else { return nil }
        return String(decoding: word, as: UTF8.self)
    }

    var isAlive: Bool { Self.startTime(of: pid) == started }

    var fileName: String { "\(pid).\(started)" }
}

extension Holder {
    var json: JSONValue {
        [
            "pid": .integer(pid),
            "started": .integer(started),
            "gpu": .string(gpu.description),
            "gi": instance.map { .integer($0.gpuInstance.rawValue) } ?? .null,
            "ci": instance.map { .integer($0.computeInstance.rawValue) } ?? .null,
            "memoryMiB": .integer(memoryMiB),
        ]
    }

    init(_ bytes: [UInt8]) throws(StateDamage) {
        do {
            let limits = JSONLimits(bytes: 4096, depth: 2, keysPerObject: 8, stringBytes: 256)
            var reader = try JSONObjectReader(try JSONParser.parse(bytes, limits: limits), nullIsAbsent: true)
            let ids: ClosedRange<Int64> = 0...Int64(UInt32.max)
            let gi = try reader.optionalInteger("gi", in: ids)
            let ci = try reader.optionalInteger("ci", in: ids)
            guard let gpu = GPUUUID(try reader.string("gpu")), (gi == nil) == (ci == nil) else {
                throw StateDamage.text("it names no GPU or half an instance")
            }
            var instance: Instance?
            if let gi, let ci {
                instance = Instance(
                    gpuInstance: GPUInstanceID(UInt32(gi)), computeInstance: ComputeInstanceID(UInt32(ci)))
            }
            self.init(
                pid: Int32(try reader.integer("pid", in: 1...Int64(Int32.max))),
                started: UInt64(try reader.integer("started", in: 0...Int64.max)), gpu: gpu, instance: instance,
                memoryMiB: Int(try reader.integer("memoryMiB", in: 0...Int64(Int32.max))))
            try reader.finish()
        } catch {
            throw StateDamage(error)
        }
    }
}

/// The processes that use a machine, each a small file of its own user's.
///
/// The directory is open to all as /tmp is, because any user may start a program on a device that is open to him. An
/// entry counts while its process lives, so a killed process needs nobody to tell of its end.
struct HolderDirectory: Sendable {
    let path: String

    /// The processes that live.
    func living() throws(MachineError) -> [Holder] {
        var holders: [Holder] = []
        do throws(SystemError) {
            for name in try Files.list(path) where name.utf8.first != UInt8(ascii: ".") {
                guard let bytes = try contents(name) else { continue }
                // Any user may write here: what is no entry is nobody's claim.
                guard let holder = try? Holder(bytes), holder.isAlive else { continue }
                holders.append(holder)
            }
        } catch {
            throw .system(error)
        }
        return holders
    }

    /// Enters a process; the entry appears whole.
    func enter(_ holder: Holder) throws(MachineError) {
        do throws(SystemError) {
            let draft = "\(path)/.\(holder.fileName)"
            try Files.write(draft, holder.json.bytes())
            try Files.rename(draft, to: "\(path)/\(holder.fileName)")
        } catch {
            throw .system(error)
        }
    }

    /// Forgets processes that are gone, or all, as far as their entries are this caller's to remove.
    func clear(all: Bool) throws(MachineError) {
        do throws(SystemError) {
            for name in try Files.list(path) {
                if !all, let bytes = try contents(name), let holder = try? Holder(bytes), holder.isAlive { continue }
                // Gone already, or another user's to remove: it counts for nothing either way.
                try? Files.remove("\(path)/\(name)")
            }
        } catch {
            throw .system(error)
        }
    }

    private func contents(_ name: String) throws(SystemError) -> [UInt8]? {
        do {
            // Any user may put anything here: no link is followed, and nothing is waited for.
            let file = try Files.open("\(path)/\(name)", [.read, .noFollow, .nonBlocking])
            return try file.readAll(limit: 4096)
        } catch  where [.notFound, .fileTooBig, .access, .isDirectory, .tooManyLinks].contains(error.code) {
            return nil
        }
    }
}
