internal import CNVML
internal import MIG

/// How profiles are named where the library does not tell the name itself (before the second version of its struct).
///
/// The formula is that of the vendor's own tools (`facts/nvml.md` 3): memory in eighths of the board, rounded to GB.
enum ProfileNameFormula {
    /// A GPU instance profile's name, `3g.20gb`; the board's memory is that of the whole GPU.
    static func name(
        _ kind: GPUInstanceProfileKind, slices: SliceCount, memoryMiB: Int, boardBytes: UInt64
    ) -> String {
        let board = max(1, Int(clamping: boardBytes))
        let gibibyte = 1 << 30
        let eighths = (memoryMiB * (1 << 20) * 8 + board - 1) / board
        let boardGB = (board + gibibyte - 1) / gibibyte
        // Half away from zero, in whole numbers.
        let gigabytes = (2 * eighths * boardGB + 8) / 16
        return "\(slices)g.\(gigabytes)gb\(suffix(kind))"
    }

    /// A compute instance profile's name, `1c.3g.20gb`; that of its GPU instance where it takes all its slices.
    static func name(computeSlices: SliceCount, of profile: GPUInstanceProfile) -> String {
        computeSlices == profile.slices ? profile.name : "\(computeSlices)c.\(profile.name)"
    }

    private static func suffix(_ kind: GPUInstanceProfileKind) -> String {
        switch kind.rawValue {
        case NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV1, NVML_GPU_INSTANCE_PROFILE_2_SLICE_REV1: "+me"
        case NVML_GPU_INSTANCE_PROFILE_1_SLICE_ALL_ME, NVML_GPU_INSTANCE_PROFILE_2_SLICE_ALL_ME: "+me.all"
        case NVML_GPU_INSTANCE_PROFILE_1_SLICE_NO_ME, NVML_GPU_INSTANCE_PROFILE_2_SLICE_NO_ME: "-me"
        case NVML_GPU_INSTANCE_PROFILE_1_SLICE_GFX, NVML_GPU_INSTANCE_PROFILE_2_SLICE_GFX,
            NVML_GPU_INSTANCE_PROFILE_4_SLICE_GFX, NVML_GPU_INSTANCE_PROFILE_3_SLICE_GFX:
            "+gfx"
        default: ""
        }
    }
}
