internal import CLinux
internal import Glibc
package import MIG

/// A device's number: which driver, and which of its devices.
package struct DeviceNumber: Hashable, Sendable, CustomStringConvertible {
    package let major: UInt32
    package let minor: UInt32

    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    init(_ packed: dev_t) {
        self.init(major: migbroker_major(packed), minor: migbroker_minor(packed))
    }

    var packed: dev_t { migbroker_makedev(major, minor) }

    package var description: String { "\(major):\(minor)" }
}

/// What the kernel says of a file, as `stat(2)` gives it.
package struct FileAttributes: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case regular = "regular file"
        case directory = "directory"
        case symlink = "symbolic link"
        case characterDevice = "character device"
        case blockDevice = "block device"
        case fifo = "FIFO"
        case socket = "socket"
        case unknown = "unknown kind of file"
    }

    package let kind: Kind
    /// Permission bits with setuid, setgid and sticky: 0o7777.
    package let mode: UInt32
    package let owner: UserID
    package let group: GroupID
    package let links: UInt64
    package let size: Int64
    /// The device that a device node stands for.
    package let device: DeviceNumber
    package let inode: UInt64
    /// The file system that the file lies on.
    package let filesystem: DeviceNumber
    package let modified: Timestamp

    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symlink
            case S_IFCHR: .characterDevice
            case S_IFBLK: .blockDevice
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            default: .unknown
            }
        mode = status.st_mode & 0o7777
        owner = UserID(status.st_uid)
        group = GroupID(status.st_gid)
        links = UInt64(status.st_nlink)
        size = Int64(status.st_size)
        device = DeviceNumber(status.st_rdev)
        inode = UInt64(status.st_ino)
        filesystem = DeviceNumber(status.st_dev)
        modified = Timestamp(
            nanosecondsSinceEpoch: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    }

    /// Whether two are the same file, whatever path led there.
    package func isSameFile(as other: FileAttributes) -> Bool {
        inode == other.inode && filesystem == other.filesystem
    }
}
