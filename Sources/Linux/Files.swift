internal import CLinux
internal import Glibc
package import MIG

/// Files by path, for paths that are trusted already; what comes from an admin or a user goes through `SafePath`.
package enum Files {
    /// How a file is opened; always close-on-exec, and never as a controlling terminal.
    package struct Access: OptionSet, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }

        package static let read = Access([])
        package static let write = Access(rawValue: O_WRONLY)
        package static let readWrite = Access(rawValue: O_RDWR)
        package static let append = Access(rawValue: O_WRONLY | O_APPEND)
        package static let create = Access(rawValue: O_CREAT)
        /// Fails if the file is there already.
        package static let exclusive = Access(rawValue: O_CREAT | O_EXCL)
        package static let truncate = Access(rawValue: O_TRUNC)
        /// Fails with ELOOP if the last component is a symbolic link.
        package static let noFollow = Access(rawValue: O_NOFOLLOW)
        package static let directory = Access(rawValue: O_DIRECTORY)
        /// Does not wait for the other end of a FIFO or for a device.
        package static let nonBlocking = Access(rawValue: O_NONBLOCK)
        /// Names the file without opening it: needs no right to it and wakes no driver.
        package static let pathOnly = Access(rawValue: Int32(migbroker_O_PATH))
    }

    /// `open(2)`
    package static func open(
        _ path: String, _ access: Access, mode: UInt32 = 0
    ) throws(SystemError) -> FileDescriptor {
        let flags = access.rawValue | O_CLOEXEC | O_NOCTTY
        return FileDescriptor(owning: try checked("open", path) { unsafe migbroker_open(path, flags, mode) })
    }

    /// `openat(2)`: one name below an open directory.
    package static func open(
        _ name: String, below directory: borrowing FileDescriptor, _ access: Access, mode: UInt32 = 0
    ) throws(SystemError) -> FileDescriptor {
        let flags = access.rawValue | O_CLOEXEC | O_NOCTTY
        let raw = directory.raw
        return FileDescriptor(
            owning: try checked("openat", name) { unsafe migbroker_openat(raw, name, flags, mode) })
    }

    /// The whole file; `EFBIG` past the limit.
    package static func read(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8] {
        let file = try open(path, .read)
        do {
            return try file.readAll(limit: limit)
        } catch {
            throw SystemError(error.call, error.code, path)
        }
    }

    /// Makes or empties a file and writes it; neither atomic nor durable, `replace` is both.
    package static func write(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644) throws(SystemError) {
        let file = try open(path, [.write, .create, .truncate], mode: mode)
        do {
            try file.write(bytes)
        } catch {
            throw SystemError(error.call, error.code, path)
        }
    }

    /// Puts new content in place at once and durably: whoever reads sees the old file or the new one, whole.
    ///
    /// The mode is exact, whatever the umask.
    package static func replace(_ path: String, with bytes: [UInt8], mode: UInt32) throws(SystemError) {
        let draft = path + ".new"
        // A draft that a crash left behind is in the way of O_EXCL, which in turn keeps links out.
        try? remove(draft)
        do throws(SystemError) {
            let file = try open(draft, [.write, .exclusive, .noFollow], mode: mode)
            try file.write(bytes)
            _ = try checked("fchmod", draft) { fchmod(file.raw, mode) }
            try file.synchronize()
            try rename(draft, to: path)
        } catch {
            // The draft is worthless now, and its loss is what we want.
            try? remove(draft)
            throw error
        }
        try synchronizeDirectory(of: path)
    }

    /// Makes the entry of a path in its directory durable.
    package static func synchronizeDirectory(of path: String) throws(SystemError) {
        let directory = try open(parent(of: path), [.read, .directory])
        try directory.synchronize()
    }

    /// `lstat(2)`: of the link itself, where the path is one.
    package static func attributes(_ path: String) throws(SystemError) -> FileAttributes {
        var status = stat()
        // SAFETY: status lives through the call.
        _ = try checked("lstat", path) { unsafe lstat(path, &status) }
        return FileAttributes(status)
    }

    /// `stat(2)`: of what a link leads to.
    package static func attributesFollowing(_ path: String) throws(SystemError) -> FileAttributes {
        var status = stat()
        // SAFETY: status lives through the call.
        _ = try checked("stat", path) { unsafe stat(path, &status) }
        return FileAttributes(status)
    }

    /// Whether anything is there, a dangling link too. An error other than "not found" counts as there.
    package static func exists(_ path: String) -> Bool {
        do {
            _ = try attributes(path)
            return true
        } catch {
            return error.code != .notFound && error.code != .notDirectory
        }
    }

    /// Names in a directory without `.` and `..`, sorted by bytes. `readdir(3)`
    package static func list(_ path: String) throws(SystemError) -> [String] {
        let directory = try open(path, [.read, .directory])
        let raw = directory.release()
        // SAFETY: fdopendir takes the descriptor over; on failure we close it ourselves.
        guard let stream = unsafe fdopendir(raw) else {
            let code = Errno.last
            _ = close(raw)
            throw SystemError("fdopendir", code, path)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // SAFETY: d_name is NUL-terminated inside the entry, which lives until the next readdir.
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { buffer in
                unsafe String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.utf8.elementsEqual(".".utf8), !name.utf8.elementsEqual("..".utf8) { names.append(name) }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// `mkdir(2)`; the umask applies.
    package static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        _ = try checked("mkdir", path) { unsafe mkdir(path, mode) }
    }

    /// Makes a directory and those above it that are missing; one that is there is left as it is.
    package static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        do {
            try makeDirectory(path, mode: mode)
        } catch  where error.code == .exists {
            return
        } catch  where error.code == .notFound && !path.utf8.elementsEqual("/".utf8) {
            try makeDirectories(parent(of: path), mode: mode)
            do {
                try makeDirectory(path, mode: mode)
            } catch  where error.code == .exists {
                return
            }
        }
    }

    /// Removes a file, a link, a node or an empty directory. `remove(3)`
    package static func remove(_ path: String) throws(SystemError) {
        _ = try checked("remove", path) { unsafe Glibc.remove(path) }
    }

    /// Removes a directory with all below it, following no link.
    package static func removeTree(_ path: String) throws(SystemError) {
        if try attributes(path).kind == .directory {
            for name in try list(path) { try removeTree("\(path)/\(name)") }
        }
        try remove(path)
    }

    /// `rename(2)`
    package static func rename(_ path: String, to newPath: String) throws(SystemError) {
        _ = try checked("rename", path) { unsafe Glibc.rename(path, newPath) }
    }

    /// `link(2)`
    package static func link(_ path: String, at newPath: String) throws(SystemError) {
        _ = try checked("link", newPath) { unsafe Glibc.link(path, newPath) }
    }

    /// `symlink(2)`
    package static func symlink(to target: String, at path: String) throws(SystemError) {
        _ = try checked("symlink", path) { unsafe Glibc.symlink(target, path) }
    }

    /// What a symbolic link says. `readlink(2)`
    package static func readLink(_ path: String) throws(SystemError) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // SAFETY: the kernel writes at most count bytes into the buffer.
        let count = try checked("readlink", path) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                guard let base = bytes.baseAddress else { return 0 }
                return unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The path without links, `.` and `..`. `realpath(3)`
    package static func resolve(_ path: String) throws(SystemError) -> String {
        // SAFETY: with a nil buffer glibc allocates the answer, which we free after copying it.
        guard let resolved = unsafe realpath(path, nil) else { throw SystemError("realpath", Errno.last, path) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// `chmod(2)`
    package static func setMode(_ path: String, _ mode: UInt32) throws(SystemError) {
        _ = try checked("chmod", path) { unsafe chmod(path, mode) }
    }

    /// `lchown(2)`
    package static func setOwner(_ path: String, _ owner: UserID, _ group: GroupID) throws(SystemError) {
        _ = try checked("lchown", path) { unsafe lchown(path, owner.rawValue, group.rawValue) }
    }

    /// Makes a character device node with exactly this mode; needs CAP_MKNOD. `mknod(2)`
    package static func makeCharacterDevice(
        _ path: String, _ device: DeviceNumber, mode: UInt32
    ) throws(SystemError) {
        // Born closed: between mknod and chmod the umask alone decides, and nobody may slip in.
        _ = try checked("mknod", path) { unsafe mknod(path, S_IFCHR, device.packed) }
        try setMode(path, mode)
    }

    /// The directory part of a path.
    package static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// The last component of a path.
    package static func name(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }
}
