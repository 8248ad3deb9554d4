internal import Glibc
package import MIG

/// Why a path may not be trusted.
package struct SafePathError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Problem: Hashable, Sendable {
        case notAbsolute
        case system(Errno)
        case notOwnedByRoot(UserID)
        /// Group or others may write: 0o7777 bits.
        case writableByOthers(mode: UInt32)
        case writableByACL
        case symbolicLink
        case notDirectory(FileAttributes.Kind)
        case notRegular(FileAttributes.Kind)
        case severalLinks(UInt64)
        case tooLarge(limit: Int)
        case tooManyLinksInPath
    }

    /// The component that is at fault, with the path that leads to it.
    package let component: String
    package let problem: Problem

    package init(_ component: String, _ problem: Problem) {
        self.component = component
        self.problem = problem
    }

    /// Whether nothing is wrong but that the file is not there.
    package var isNotFound: Bool { problem == .system(.notFound) }

    package var description: String {
        let why =
            switch problem {
            case .notAbsolute: "is not an absolute path without . and .."
            case .system(let code): code.message
            case .notOwnedByRoot(let user): "is owned by uid \(user), not by root"
            case .writableByOthers(let mode): "is writable by group or others (mode \(String(mode, radix: 8)))"
            case .writableByACL: "is writable by others through an access control list"
            case .symbolicLink: "is a symbolic link"
            case .notDirectory(let kind): "is a \(kind.rawValue), not a directory"
            case .notRegular(let kind): "is a \(kind.rawValue), not a regular file"
            case .severalLinks(let count): "has \(count) hard links"
            case .tooLarge(let limit): "is larger than \(limit) bytes"
            case .tooManyLinksInPath: "has too many symbolic links on the way"
            }
        return "\(component): \(why)"
    }
}

/// The one rule by which the broker trusts a path that decides something: policy, audit, state, the driver's library.
///
/// Every component from `/` on is owned by root and not writable by group or others, except that a root-owned sticky
/// directory passes when the next component is root's. The walk opens one component at a time and never looks back,
/// so what was checked is what is opened (openat2 would do the same, but a unit's RestrictSUIDSGID= forbids it).
package enum SafePath {
    /// Opens a regular file with one link for reading; no component may be a symbolic link.
    ///
    /// A FIFO or a device is refused without waiting for its other end. Blocks on the disk only.
    package static func openFile(_ path: String) throws(SafePathError) -> FileDescriptor {
        try openRegular(path, .read)
    }

    /// Opens a regular file with one link as `access` says; `create` makes it with that mode if it is missing.
    package static func openFile(
        _ path: String, _ access: Files.Access, createMode: UInt32 = 0
    ) throws(SafePathError) -> FileDescriptor {
        try openRegular(path, access, createMode)
    }

    /// Reads a whole file by the rule; larger than the limit is an error of its own.
    package static func read(_ path: String, limit: Int) throws(SafePathError) -> [UInt8] {
        try readAll(try openFile(path), path, limit: limit)
    }

    /// Reads a whole file that may have several names, as the files of a package's database have.
    package static func readShared(_ path: String, limit: Int) throws(SafePathError) -> [UInt8] {
        try readAll(try openRegular(path, .read, mayHaveSeveralLinks: true), path, limit: limit)
    }

    private static func readAll(
        _ file: borrowing FileDescriptor, _ path: String, limit: Int
    ) throws(SafePathError) -> [UInt8] {
        do {
            return try file.readAll(limit: limit)
        } catch {
            throw SafePathError(path, error.code == .fileTooBig ? .tooLarge(limit: limit) : .system(error.code))
        }
    }

    /// Opens a directory by the rule for reading, no component a symbolic link.
    package static func openDirectory(_ path: String) throws(SafePathError) -> FileDescriptor {
        let components = try split(path)
        let directory = try walk(components[...], endsThere: true)
        return try open(".", below: directory, [.read, .directory], 0, path)
    }

    /// Follows links as long as each link's directory and each target are safe, and gives the path without links.
    ///
    /// For the driver's library, which distributions reach through links; what is opened later is the path returned.
    package static func resolve(_ path: String) throws(SafePathError) -> String {
        var pending = Array(try split(path).reversed())
        var done: [String] = []
        var followed = 0
        while let name = pending.popLast() {
            let here = "/" + (done + [name]).joined(separator: "/")
            _ = try walk(done[...], endsThere: false)
            let attributes = try attributes(here)
            guard attributes.kind == .symlink else {
                try check(attributes, here, isLast: pending.isEmpty)
                done.append(name)
                continue
            }
            guard attributes.owner == .root else { throw SafePathError(here, .notOwnedByRoot(attributes.owner)) }
            followed += 1
            guard followed <= 40 else { throw SafePathError(path, .tooManyLinksInPath) }
            let target = try system(here) { () throws(SystemError) in try Files.readLink(here) }
            if target.utf8.first == UInt8(ascii: "/") { done = [] }
            for part in target.split(separator: "/").reversed() { pending.append(String(part)) }
            // A target may climb; everything it climbs to is checked again when it is walked.
            while let next = pending.last, next.utf8.elementsEqual("..".utf8) || next.utf8.elementsEqual(".".utf8) {
                pending.removeLast()
                if next.utf8.count == 2 { _ = done.popLast() }
            }
        }
        return "/" + done.joined(separator: "/")
    }

    private static func openRegular(
        _ path: String, _ access: Files.Access, _ createMode: UInt32 = 0, mayHaveSeveralLinks: Bool = false
    ) throws(SafePathError) -> FileDescriptor {
        let components = try split(path)
        guard let name = components.last else { throw SafePathError(path, .notRegular(.directory)) }
        let parent = try walk(components.dropLast(), endsThere: false)
        let file = try open(name, below: parent, access.union(.nonBlocking), createMode, path)
        let attributes = try system(path) { () throws(SystemError) in try file.attributes() }
        guard attributes.kind == .regular else { throw SafePathError(path, .notRegular(attributes.kind)) }
        try check(attributes, path, isLast: true)
        guard attributes.links == 1 || mayHaveSeveralLinks else {
            throw SafePathError(path, .severalLinks(attributes.links))
        }
        let acl = try system(path) { () throws(SystemError) in try AccessACL.read(file) }
        guard acl?.grantsWriteToOthers != true else { throw SafePathError(path, .writableByACL) }
        return file
    }

    /// Opens the directories from `/` on, checking each; one more component follows unless it `endsThere`.
    private static func walk(
        _ components: ArraySlice<String>, endsThere: Bool
    ) throws(SafePathError) -> FileDescriptor {
        var directory = try system("/") { () throws(SystemError) in try Files.open("/", [.read, .directory]) }
        let root = try system("/") { () throws(SystemError) in try directory.attributes() }
        try check(root, "/", isLast: endsThere && components.isEmpty)
        var here = ""
        for (index, name) in zip(components.indices, components) {
            here += "/" + name
            let next = try open(name, below: directory, .pathOnly, 0, here)
            let attributes = try system(here) { () throws(SystemError) in try next.attributes() }
            guard attributes.kind != .symlink else { throw SafePathError(here, .symbolicLink) }
            guard attributes.kind == .directory else { throw SafePathError(here, .notDirectory(attributes.kind)) }
            try check(attributes, here, isLast: endsThere && index == components.endIndex - 1)
            directory = next
        }
        return directory
    }

    private static func open(
        _ name: String, below directory: borrowing FileDescriptor, _ access: Files.Access, _ mode: UInt32,
        _ path: String
    ) throws(SafePathError) -> FileDescriptor {
        do throws(SystemError) {
            return try Files.open(name, below: directory, access.union(.noFollow), mode: mode)
        } catch {
            throw SafePathError(path, error.code == .tooManyLinks ? .symbolicLink : .system(error.code))
        }
    }

    private static func check(
        _ attributes: FileAttributes, _ path: String, isLast: Bool
    ) throws(SafePathError) {
        guard attributes.owner == .root else { throw SafePathError(path, .notOwnedByRoot(attributes.owner)) }
        // In a sticky directory nobody can rename or remove what is root's: such a directory may be open to all,
        // as long as it is only passed through.
        let isPassage = attributes.kind == .directory && attributes.mode & 0o1000 != 0 && !isLast
        guard attributes.mode & 0o022 == 0 || isPassage else {
            throw SafePathError(path, .writableByOthers(mode: attributes.mode))
        }
    }

    private static func attributes(_ path: String) throws(SafePathError) -> FileAttributes {
        try system(path) { () throws(SystemError) in try Files.attributes(path) }
    }

    private static func system<Value: ~Copyable>(
        _ path: String, _ body: () throws(SystemError) -> Value
    ) throws(SafePathError) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw SafePathError(path, .system(error.code))
        }
    }

    private static func split(_ path: String) throws(SafePathError) -> [String] {
        guard path.utf8.first == UInt8(ascii: "/") else { throw SafePathError(path, .notAbsolute) }
        let components = path.split(separator: "/").map(String.init)
        let climbs = components.contains { $0.utf8.elementsEqual("..".utf8) || $0.utf8.elementsEqual(".".utf8) }
        guard !climbs, !path.utf8.contains(0) else { throw SafePathError(path, .notAbsolute) }
        return components
    }
}
