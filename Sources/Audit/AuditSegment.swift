internal import Linux
internal import MIG

/// The file of the log that is being written: appended to, never rewritten.
///
/// All offsets come from this process's own count, so that what somebody else does to the file shows.
struct AuditSegment: ~Copyable {
    let path: String
    /// Where the last good record ends.
    private(set) var end: Int64
    /// Why nothing may be appended any more: a failed write could not be taken back, or a sync failed, after which
    /// the kernel may have dropped the pages and still call the next sync a success.
    private(set) var isSpoiled = false
    private let file: FileDescriptor
    private let identity: FileAttributes
    /// Up to where blocks are reserved.
    private var reservedEnd: Int64

    /// Makes a new file, which must not exist, and makes its entry in the directory durable.
    static func create(_ path: String) throws(AuditUnavailable) -> AuditSegment {
        let segment = try open(path, [.append, .exclusive], createMode: 0o640)
        try AuditUnavailable.system { () throws(SystemError) in try Files.synchronizeDirectory(of: path) }
        return segment
    }

    /// Goes on in a file that is there, after its last good record; what follows that is cut off.
    static func open(_ path: String, end: Int64) throws(AuditUnavailable) -> AuditSegment {
        var segment = try open(path, .append, createMode: 0)
        do throws(SystemError) {
            if segment.end != end { try segment.file.truncate(to: end) }
        } catch {
            throw .system(error)
        }
        segment.end = end
        segment.reservedEnd = end
        return segment
    }

    private static func open(
        _ path: String, _ access: Files.Access, createMode: UInt32
    ) throws(AuditUnavailable) -> AuditSegment {
        let file = try AuditUnavailable.safe { () throws(SafePathError) in
            try SafePath.openFile(path, access, createMode: createMode)
        }
        let identity = try AuditUnavailable.system { () throws(SystemError) in try file.attributes() }
        return AuditSegment(path, file, identity)
    }

    private init(_ path: String, _ file: consuming FileDescriptor, _ identity: FileAttributes) {
        self.path = path
        self.file = file
        self.identity = identity
        end = identity.size
        reservedEnd = identity.size
    }

    /// What somebody else did to the file since the last record, in words, or nil.
    func foreignChange() throws(SystemError) -> String? {
        guard let now = try named() else { return try file.attributes().links == 0 ? "was removed" : "was renamed" }
        guard now.isSameFile(as: identity) else {
            return try file.attributes().links == 0 ? "was removed" : "was replaced"
        }
        if now.links > 1 { return "has \(now.links) links" }
        if now.size != end { return "has \(now.size) bytes where \(end) were written" }
        if now.mode != identity.mode || now.owner != identity.owner || now.group != identity.group {
            return "has another owner or mode (\(now.owner):\(now.group) \(String(now.mode, radix: 8)))"
        }
        return nil
    }

    /// What has the segment's name now; the one look that each record costs.
    private func named() throws(SystemError) -> FileAttributes? {
        do throws(SystemError) {
            return try Files.attributes(path)
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Sees to it that so many bytes past the end have their blocks.
    ///
    /// Reserves as much again where it can, so that the call is rare; a file system that cannot reserve counts as
    /// having room. `EFBIG`, `ENOSPC` and `EDQUOT` say that there is none.
    mutating func reserve(_ count: Int64) throws(SystemError) {
        guard reservedEnd < end + count else { return }
        do {
            try file.reserve(from: end, count: 2 * count)
            reservedEnd = end + 2 * count
        } catch  where error.code == .noSpace || error.code == .quota {
            try file.reserve(from: end, count: count)
            reservedEnd = end + count
        } catch  where error.code == .notSupported {
            return
        }
    }

    /// Appends in one write; all of it is in the file when this returns, on the disk where `durably`, or none.
    mutating func append(_ bytes: [UInt8], durably: Bool) throws(SystemError) {
        do throws(SystemError) {
            let written = try file.writeOnce(bytes[...])
            // A full disk takes what still fits and reports no error.
            guard written == bytes.count else { throw SystemError("write", .noSpace, path) }
        } catch {
            takeBack()
            throw SystemError(error.call, error.code, path)
        }
        if durably {
            do throws(SystemError) {
                try file.synchronizeData()
            } catch {
                isSpoiled = true
                takeBack()
                throw SystemError(error.call, error.code, path)
            }
        }
        end += Int64(bytes.count)
    }

    /// Gives the blocks past the end back, those of the reserve too.
    mutating func releaseReserve() throws(SystemError) {
        reservedEnd = end
        try file.truncate(to: end)
    }

    private mutating func takeBack() {
        let reserved = reservedEnd - end
        do throws(SystemError) {
            try releaseReserve()
        } catch {
            isSpoiled = true
            return
        }
        // Cutting the file freed the reserve as well: take it back before somebody else does. Where that fails, the
        // next change finds no reserve and is refused.
        if reserved > 0, (try? file.reserve(from: end, count: reserved)) != nil { reservedEnd = end + reserved }
    }
}
