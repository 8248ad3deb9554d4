// The driver's management library, libnvidia-ml.so.1, as far as MIG work needs it: names, numbers and layouts.
//
// Names and numbers are the library's, the text is ours. Nothing links against the library; it is opened at run time,
// so every function also has a type, its name followed by `_f`, for what the loader's look-up returns.
// The layouts are those of 64-bit Linux; each is asserted, because a layout that drifts is memory that is overwritten.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef unsigned int nvml_u32;
typedef unsigned long long nvml_u64;

_Static_assert(sizeof(void *) == 8, "layouts are those of a 64-bit machine");
_Static_assert(sizeof(nvml_u32) == 4 && sizeof(nvml_u64) == 8, "layouts are those of LP64");

#define NVML_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), "size of " #type)
#define NVML_OFFSET(type, field, byte) _Static_assert(offsetof(type, field) == (byte), "offset of " #field " in " #type)

// Handles belong to the library. A MIG device's dies with its compute instance, and its address may be used again.
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct nvmlGpuInstance_st *nvmlGpuInstance_t;
typedef struct nvmlComputeInstance_st *nvmlComputeInstance_t;
typedef struct nvmlEventSet_st *nvmlEventSet_t;
typedef struct nvmlGpmSample_st *nvmlGpmSample_t;

// MARK: - Numbers

typedef enum {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NO_PERMISSION = 4,
    NVML_ERROR_ALREADY_INITIALIZED = 5,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_INSUFFICIENT_POWER = 8,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_IRQ_ISSUE = 11,
    NVML_ERROR_LIBRARY_NOT_FOUND = 12,
    NVML_ERROR_FUNCTION_NOT_FOUND = 13,
    NVML_ERROR_CORRUPTED_INFOROM = 14,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_RESET_REQUIRED = 16,
    NVML_ERROR_OPERATING_SYSTEM = 17,
    NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
    NVML_ERROR_IN_USE = 19,
    NVML_ERROR_MEMORY = 20,
    NVML_ERROR_NO_DATA = 21,
    NVML_ERROR_VGPU_ECC_NOT_SUPPORTED = 22,
    NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
    NVML_ERROR_FREQ_NOT_SUPPORTED = 24,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_DEPRECATED = 26,
    NVML_ERROR_NOT_READY = 27,
    NVML_ERROR_GPU_NOT_FOUND = 28,
    NVML_ERROR_INVALID_STATE = 29,
    NVML_ERROR_RESET_TYPE_NOT_SUPPORTED = 30,
    NVML_ERROR_UNKNOWN = 999
} nvmlReturn_t;

typedef enum { NVML_FEATURE_DISABLED = 0, NVML_FEATURE_ENABLED = 1 } nvmlEnableState_t;

typedef enum {
    NVML_COMPUTEMODE_DEFAULT = 0,
    NVML_COMPUTEMODE_EXCLUSIVE_THREAD = 1,
    NVML_COMPUTEMODE_PROHIBITED = 2,
    NVML_COMPUTEMODE_EXCLUSIVE_PROCESS = 3
} nvmlComputeMode_t;

NVML_SIZE(nvmlReturn_t, 4);
NVML_SIZE(nvmlEnableState_t, 4);
NVML_SIZE(nvmlComputeMode_t, 4);

#define NVML_INIT_FLAG_NO_GPUS 1u
#define NVML_INIT_FLAG_NO_ATTACH 2u
#define NVML_INIT_FLAG_FORCE_INIT 4u

#define NVML_DEVICE_MIG_DISABLE 0u
#define NVML_DEVICE_MIG_ENABLE 1u

// In place of an instance's id: any, none, or not told.
#define NVML_INSTANCE_ID_NONE 0xFFFFFFFFu
// In place of used memory: not available.
#define NVML_VALUE_NOT_AVAILABLE_U64 0xFFFFFFFFFFFFFFFFull

// Kinds of GPU instance. These are not the profile ids that creation takes.
#define NVML_GPU_INSTANCE_PROFILE_1_SLICE 0x0u
#define NVML_GPU_INSTANCE_PROFILE_2_SLICE 0x1u
#define NVML_GPU_INSTANCE_PROFILE_3_SLICE 0x2u
#define NVML_GPU_INSTANCE_PROFILE_4_SLICE 0x3u
#define NVML_GPU_INSTANCE_PROFILE_7_SLICE 0x4u
#define NVML_GPU_INSTANCE_PROFILE_8_SLICE 0x5u
#define NVML_GPU_INSTANCE_PROFILE_6_SLICE 0x6u
#define NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV1 0x7u
#define NVML_GPU_INSTANCE_PROFILE_2_SLICE_REV1 0x8u
#define NVML_GPU_INSTANCE_PROFILE_1_SLICE_REV2 0x9u
#define NVML_GPU_INSTANCE_PROFILE_1_SLICE_GFX 0xAu
#define NVML_GPU_INSTANCE_PROFILE_2_SLICE_GFX 0xBu
#define NVML_GPU_INSTANCE_PROFILE_4_SLICE_GFX 0xCu
#define NVML_GPU_INSTANCE_PROFILE_1_SLICE_NO_ME 0xDu
#define NVML_GPU_INSTANCE_PROFILE_2_SLICE_NO_ME 0xEu
#define NVML_GPU_INSTANCE_PROFILE_1_SLICE_ALL_ME 0xFu
#define NVML_GPU_INSTANCE_PROFILE_2_SLICE_ALL_ME 0x10u
#define NVML_GPU_INSTANCE_PROFILE_3_SLICE_GFX 0x11u
#define NVML_GPU_INSTANCE_PROFILE_COUNT 0x12u

#define NVML_GPU_INSTANCE_PROFILE_CAPS_P2P 0x1u
#define NVML_GPU_INSTANCE_PROFILE_CAPS_GFX 0x2u

// Kinds of compute instance.
#define NVML_COMPUTE_INSTANCE_PROFILE_1_SLICE 0x0u
#define NVML_COMPUTE_INSTANCE_PROFILE_2_SLICE 0x1u
#define NVML_COMPUTE_INSTANCE_PROFILE_3_SLICE 0x2u
#define NVML_COMPUTE_INSTANCE_PROFILE_4_SLICE 0x3u
#define NVML_COMPUTE_INSTANCE_PROFILE_7_SLICE 0x4u
#define NVML_COMPUTE_INSTANCE_PROFILE_8_SLICE 0x5u
#define NVML_COMPUTE_INSTANCE_PROFILE_6_SLICE 0x6u
#define NVML_COMPUTE_INSTANCE_PROFILE_1_SLICE_REV1 0x7u
#define NVML_COMPUTE_INSTANCE_PROFILE_7_SLICE_NVL 0x8u
#define NVML_COMPUTE_INSTANCE_PROFILE_COUNT 0x9u

#define NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_SHARED 0x0u
#define NVML_COMPUTE_INSTANCE_ENGINE_PROFILE_COUNT 0x1u

#define NVML_COMPUTE_INSTANCE_PROFILE_CAPS_GFX 0x1u

// Sizes of text buffers, the closing NUL counted.
#define NVML_DEVICE_UUID_BUFFER_SIZE 80u
#define NVML_DEVICE_UUID_V2_BUFFER_SIZE 96u
#define NVML_DEVICE_NAME_BUFFER_SIZE 64u
#define NVML_DEVICE_NAME_V2_BUFFER_SIZE 96u
#define NVML_DEVICE_SERIAL_BUFFER_SIZE 30u
#define NVML_DEVICE_VBIOS_VERSION_BUFFER_SIZE 32u
#define NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE 32u
#define NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE 16u
#define NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE 80u
#define NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE 80u

#define NVML_DEVICE_ARCH_AMPERE 7u
#define NVML_DEVICE_ARCH_ADA 8u
#define NVML_DEVICE_ARCH_HOPPER 9u
#define NVML_DEVICE_ARCH_BLACKWELL 10u
#define NVML_DEVICE_ARCH_RUBIN 13u
#define NVML_DEVICE_ARCH_UNKNOWN 0xFFFFFFFFu

#define NVML_GPU_VIRTUALIZATION_MODE_NONE 0u
#define NVML_GPU_VIRTUALIZATION_MODE_PASSTHROUGH 1u

// Counts of memory errors: of which kind, since when, and where.
#define NVML_MEMORY_ERROR_TYPE_COUNT 2u
#define NVML_ECC_COUNTER_TYPE_COUNT 2u
#define NVML_MEMORY_LOCATION_COUNT 8u

#define NVML_FI_DEV_RESETLESS_MIG_SUPPORT 184u
#define NVML_FI_DEV_MIG_QUERYABLE_WHILE_OFF 199u

#define NVML_VALUE_TYPE_DOUBLE 0u
#define NVML_VALUE_TYPE_UNSIGNED_INT 1u

#define nvmlEventTypeSingleBitEccError 0x1ull
#define nvmlEventTypeDoubleBitEccError 0x2ull
#define nvmlEventTypePState 0x4ull
#define nvmlEventTypeXidCriticalError 0x8ull
#define nvmlEventTypeClock 0x10ull
#define nvmlEventTypePowerSourceChange 0x80ull
#define nvmlEventTypeMigConfigChange 0x100ull
#define nvmlEventTypeSingleBitEccErrorStorm 0x200ull
#define nvmlEventTypeDramRetirementEvent 0x400ull
#define nvmlEventTypeDramRetirementFailure 0x800ull
#define nvmlEventTypeNonFatalPoisonError 0x1000ull
#define nvmlEventTypeFatalPoisonError 0x2000ull
#define nvmlEventTypeGpuUnavailableError 0x4000ull
#define nvmlEventTypeGpuRecoveryAction 0x8000ull

// MARK: - Layouts

typedef struct {
    char busIdLegacy[16];
    nvml_u32 domain;
    nvml_u32 bus;
    nvml_u32 device;
    nvml_u32 pciDeviceId;
    nvml_u32 pciSubSystemId;
    char busId[32];
} nvmlPciInfo_t;

NVML_SIZE(nvmlPciInfo_t, 68);
NVML_OFFSET(nvmlPciInfo_t, domain, 16);
NVML_OFFSET(nvmlPciInfo_t, pciDeviceId, 28);
NVML_OFFSET(nvmlPciInfo_t, busId, 36);

// What the first and second spelling of the call fill.
typedef struct {
    char busId[16];
    nvml_u32 domain;
    nvml_u32 bus;
    nvml_u32 device;
    nvml_u32 pciDeviceId;
    nvml_u32 pciSubSystemId;
    nvml_u32 reserved0;
    nvml_u32 reserved1;
    nvml_u32 reserved2;
    nvml_u32 reserved3;
} nvmlPciInfo_v2_t;

NVML_SIZE(nvmlPciInfo_v2_t, 52);
NVML_OFFSET(nvmlPciInfo_v2_t, domain, 16);
NVML_OFFSET(nvmlPciInfo_v2_t, pciSubSystemId, 32);
NVML_OFFSET(nvmlPciInfo_v2_t, reserved3, 48);

typedef struct {
    nvml_u32 version;
    nvml_u32 domain;
    nvml_u32 bus;
    nvml_u32 device;
    nvml_u32 pciDeviceId;
    nvml_u32 pciSubSystemId;
    nvml_u32 baseClass;
    nvml_u32 subClass;
    char busId[32];
} nvmlPciInfoExt_v1_t;
typedef nvmlPciInfoExt_v1_t nvmlPciInfoExt_t;

NVML_SIZE(nvmlPciInfoExt_v1_t, 64);
NVML_OFFSET(nvmlPciInfoExt_v1_t, pciDeviceId, 16);
NVML_OFFSET(nvmlPciInfoExt_v1_t, busId, 32);

typedef struct {
    nvml_u64 total;
    nvml_u64 free;
    nvml_u64 used;
} nvmlMemory_t;

NVML_SIZE(nvmlMemory_t, 24);
NVML_OFFSET(nvmlMemory_t, used, 16);

typedef struct {
    nvml_u32 version;
    nvml_u64 total;
    nvml_u64 reserved;
    nvml_u64 free;
    nvml_u64 used;
} nvmlMemory_v2_t;

NVML_SIZE(nvmlMemory_v2_t, 40);
NVML_OFFSET(nvmlMemory_v2_t, total, 8);
NVML_OFFSET(nvmlMemory_v2_t, used, 32);

typedef struct {
    nvml_u64 bar1Total;
    nvml_u64 bar1Free;
    nvml_u64 bar1Used;
} nvmlBAR1Memory_t;

NVML_SIZE(nvmlBAR1Memory_t, 24);
NVML_OFFSET(nvmlBAR1Memory_t, bar1Used, 16);

typedef struct {
    nvml_u32 pid;
    nvml_u64 usedGpuMemory;
} nvmlProcessInfo_v1_t;

NVML_SIZE(nvmlProcessInfo_v1_t, 16);
NVML_OFFSET(nvmlProcessInfo_v1_t, usedGpuMemory, 8);

// What the second and third spelling fill.
typedef struct {
    nvml_u32 pid;
    nvml_u64 usedGpuMemory;
    nvml_u32 gpuInstanceId;
    nvml_u32 computeInstanceId;
} nvmlProcessInfo_v2_t;
typedef nvmlProcessInfo_v2_t nvmlProcessInfo_t;

NVML_SIZE(nvmlProcessInfo_v2_t, 24);
NVML_OFFSET(nvmlProcessInfo_v2_t, usedGpuMemory, 8);
NVML_OFFSET(nvmlProcessInfo_v2_t, gpuInstanceId, 16);
NVML_OFFSET(nvmlProcessInfo_v2_t, computeInstanceId, 20);

typedef struct {
    nvml_u32 pid;
    nvml_u64 usedGpuMemory;
    nvml_u32 gpuInstanceId;
    nvml_u32 computeInstanceId;
    nvml_u64 usedGpuCcProtectedMemory;
} nvmlProcessDetail_v1_t;

NVML_SIZE(nvmlProcessDetail_v1_t, 32);
NVML_OFFSET(nvmlProcessDetail_v1_t, gpuInstanceId, 16);
NVML_OFFSET(nvmlProcessDetail_v1_t, usedGpuCcProtectedMemory, 24);

typedef struct {
    nvml_u32 version;
    nvml_u32 mode;
    nvml_u32 numProcArrayEntries;
    nvmlProcessDetail_v1_t *procArray;
} nvmlProcessDetailList_v1_t;
typedef nvmlProcessDetailList_v1_t nvmlProcessDetailList_t;

NVML_SIZE(nvmlProcessDetailList_v1_t, 24);
NVML_OFFSET(nvmlProcessDetailList_v1_t, numProcArrayEntries, 8);
NVML_OFFSET(nvmlProcessDetailList_v1_t, procArray, 16);

typedef struct {
    nvml_u32 multiprocessorCount;
    nvml_u32 sharedCopyEngineCount;
    nvml_u32 sharedDecoderCount;
    nvml_u32 sharedEncoderCount;
    nvml_u32 sharedJpegCount;
    nvml_u32 sharedOfaCount;
    nvml_u32 gpuInstanceSliceCount;
    nvml_u32 computeInstanceSliceCount;
    nvml_u64 memorySizeMB;
} nvmlDeviceAttributes_t;

NVML_SIZE(nvmlDeviceAttributes_t, 40);
NVML_OFFSET(nvmlDeviceAttributes_t, sharedOfaCount, 20);
NVML_OFFSET(nvmlDeviceAttributes_t, gpuInstanceSliceCount, 24);
NVML_OFFSET(nvmlDeviceAttributes_t, memorySizeMB, 32);

typedef struct {
    nvml_u32 gpu;
    nvml_u32 memory;
} nvmlUtilization_t;

NVML_SIZE(nvmlUtilization_t, 8);
NVML_OFFSET(nvmlUtilization_t, memory, 4);

typedef struct {
    nvmlDevice_t device;
    nvml_u64 eventType;
    nvml_u64 eventData;
    nvml_u32 gpuInstanceId;
    nvml_u32 computeInstanceId;
} nvmlEventData_t;

NVML_SIZE(nvmlEventData_t, 32);
NVML_OFFSET(nvmlEventData_t, eventData, 16);
NVML_OFFSET(nvmlEventData_t, gpuInstanceId, 24);
NVML_OFFSET(nvmlEventData_t, computeInstanceId, 28);

// In memory slices.
typedef struct {
    nvml_u32 start;
    nvml_u32 size;
} nvmlGpuInstancePlacement_t;

NVML_SIZE(nvmlGpuInstancePlacement_t, 8);
NVML_OFFSET(nvmlGpuInstancePlacement_t, size, 4);

typedef struct {
    nvml_u32 id;
    nvml_u32 isP2pSupported;
    nvml_u32 sliceCount;
    nvml_u32 instanceCount;
    nvml_u32 multiprocessorCount;
    nvml_u32 copyEngineCount;
    nvml_u32 decoderCount;
    nvml_u32 encoderCount;
    nvml_u32 jpegCount;
    nvml_u32 ofaCount;
    nvml_u64 memorySizeMB;
} nvmlGpuInstanceProfileInfo_t;

NVML_SIZE(nvmlGpuInstanceProfileInfo_t, 48);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_t, sliceCount, 8);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_t, ofaCount, 36);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_t, memorySizeMB, 40);

// The second and third version are of one size and differ inside: only the version word tells them apart.
typedef struct {
    nvml_u32 version;
    nvml_u32 id;
    nvml_u32 isP2pSupported;
    nvml_u32 sliceCount;
    nvml_u32 instanceCount;
    nvml_u32 multiprocessorCount;
    nvml_u32 copyEngineCount;
    nvml_u32 decoderCount;
    nvml_u32 encoderCount;
    nvml_u32 jpegCount;
    nvml_u32 ofaCount;
    nvml_u64 memorySizeMB;
    char name[96];
} nvmlGpuInstanceProfileInfo_v2_t;

NVML_SIZE(nvmlGpuInstanceProfileInfo_v2_t, 152);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v2_t, id, 4);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v2_t, sliceCount, 12);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v2_t, ofaCount, 40);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v2_t, memorySizeMB, 48);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v2_t, name, 56);

typedef struct {
    nvml_u32 version;
    nvml_u32 id;
    nvml_u32 sliceCount;
    nvml_u32 instanceCount;
    nvml_u32 multiprocessorCount;
    nvml_u32 copyEngineCount;
    nvml_u32 decoderCount;
    nvml_u32 encoderCount;
    nvml_u32 jpegCount;
    nvml_u32 ofaCount;
    nvml_u64 memorySizeMB;
    char name[96];
    nvml_u32 capabilities;
} nvmlGpuInstanceProfileInfo_v3_t;

NVML_SIZE(nvmlGpuInstanceProfileInfo_v3_t, 152);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v3_t, id, 4);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v3_t, sliceCount, 8);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v3_t, ofaCount, 36);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v3_t, memorySizeMB, 40);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v3_t, name, 48);
NVML_OFFSET(nvmlGpuInstanceProfileInfo_v3_t, capabilities, 144);

typedef struct {
    nvmlDevice_t device;
    nvml_u32 id;
    nvml_u32 profileId;
    nvmlGpuInstancePlacement_t placement;
} nvmlGpuInstanceInfo_t;

NVML_SIZE(nvmlGpuInstanceInfo_t, 24);
NVML_OFFSET(nvmlGpuInstanceInfo_t, id, 8);
NVML_OFFSET(nvmlGpuInstanceInfo_t, profileId, 12);
NVML_OFFSET(nvmlGpuInstanceInfo_t, placement, 16);

// In compute slices of the GPU instance.
typedef struct {
    nvml_u32 start;
    nvml_u32 size;
} nvmlComputeInstancePlacement_t;

NVML_SIZE(nvmlComputeInstancePlacement_t, 8);
NVML_OFFSET(nvmlComputeInstancePlacement_t, size, 4);

typedef struct {
    nvml_u32 id;
    nvml_u32 sliceCount;
    nvml_u32 instanceCount;
    nvml_u32 multiprocessorCount;
    nvml_u32 sharedCopyEngineCount;
    nvml_u32 sharedDecoderCount;
    nvml_u32 sharedEncoderCount;
    nvml_u32 sharedJpegCount;
    nvml_u32 sharedOfaCount;
} nvmlComputeInstanceProfileInfo_t;

NVML_SIZE(nvmlComputeInstanceProfileInfo_t, 36);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_t, instanceCount, 8);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_t, sharedOfaCount, 32);

typedef struct {
    nvml_u32 version;
    nvml_u32 id;
    nvml_u32 sliceCount;
    nvml_u32 instanceCount;
    nvml_u32 multiprocessorCount;
    nvml_u32 sharedCopyEngineCount;
    nvml_u32 sharedDecoderCount;
    nvml_u32 sharedEncoderCount;
    nvml_u32 sharedJpegCount;
    nvml_u32 sharedOfaCount;
    char name[96];
} nvmlComputeInstanceProfileInfo_v2_t;

NVML_SIZE(nvmlComputeInstanceProfileInfo_v2_t, 136);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_v2_t, id, 4);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_v2_t, sharedOfaCount, 36);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_v2_t, name, 40);

typedef struct {
    nvml_u32 version;
    nvml_u32 id;
    nvml_u32 sliceCount;
    nvml_u32 instanceCount;
    nvml_u32 multiprocessorCount;
    nvml_u32 sharedCopyEngineCount;
    nvml_u32 sharedDecoderCount;
    nvml_u32 sharedEncoderCount;
    nvml_u32 sharedJpegCount;
    nvml_u32 sharedOfaCount;
    char name[96];
    nvml_u32 capabilities;
} nvmlComputeInstanceProfileInfo_v3_t;

NVML_SIZE(nvmlComputeInstanceProfileInfo_v3_t, 140);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_v3_t, name, 40);
NVML_OFFSET(nvmlComputeInstanceProfileInfo_v3_t, capabilities, 136);

// `device` is the MIG device that the instance is.
typedef struct {
    nvmlDevice_t device;
    nvmlGpuInstance_t gpuInstance;
    nvml_u32 id;
    nvml_u32 profileId;
    nvmlComputeInstancePlacement_t placement;
} nvmlComputeInstanceInfo_t;

NVML_SIZE(nvmlComputeInstanceInfo_t, 32);
NVML_OFFSET(nvmlComputeInstanceInfo_t, gpuInstance, 8);
NVML_OFFSET(nvmlComputeInstanceInfo_t, id, 16);
NVML_OFFSET(nvmlComputeInstanceInfo_t, profileId, 20);
NVML_OFFSET(nvmlComputeInstanceInfo_t, placement, 24);

// What the first spelling of the call fills: no placement yet.
typedef struct {
    nvmlDevice_t device;
    nvmlGpuInstance_t gpuInstance;
    nvml_u32 id;
    nvml_u32 profileId;
} nvmlComputeInstanceInfo_v1_t;

NVML_SIZE(nvmlComputeInstanceInfo_v1_t, 24);
NVML_OFFSET(nvmlComputeInstanceInfo_v1_t, profileId, 20);

typedef struct {
    nvml_u32 version;
    nvml_u32 type;
    union {
        char str[41];
        uint8_t bytes[16];
    } value;
} nvmlUUID_v1_t;
typedef nvmlUUID_v1_t nvmlUUID_t;

#define NVML_UUID_TYPE_NONE 0u
#define NVML_UUID_TYPE_ASCII 1u
#define NVML_UUID_TYPE_BINARY 2u

NVML_SIZE(nvmlUUID_v1_t, 52);
NVML_OFFSET(nvmlUUID_v1_t, value, 8);

typedef union {
    double dVal;
    nvml_u32 uiVal;
    nvml_u64 ullVal;
    long long sllVal;
} nvmlValue_t;

typedef struct {
    nvml_u32 fieldId;
    nvml_u32 scopeId;
    long long timestamp;
    long long latencyUsec;
    nvml_u32 valueType;
    nvmlReturn_t nvmlReturn;
    nvmlValue_t value;
} nvmlFieldValue_t;

NVML_SIZE(nvmlFieldValue_t, 40);
NVML_OFFSET(nvmlFieldValue_t, timestamp, 8);
NVML_OFFSET(nvmlFieldValue_t, valueType, 24);
NVML_OFFSET(nvmlFieldValue_t, nvmlReturn, 28);
NVML_OFFSET(nvmlFieldValue_t, value, 32);

typedef struct {
    nvml_u32 pid;
    nvml_u64 timeStamp;
    nvml_u32 smUtil;
    nvml_u32 memUtil;
    nvml_u32 encUtil;
    nvml_u32 decUtil;
} nvmlProcessUtilizationSample_t;

NVML_SIZE(nvmlProcessUtilizationSample_t, 32);
NVML_OFFSET(nvmlProcessUtilizationSample_t, timeStamp, 8);
NVML_OFFSET(nvmlProcessUtilizationSample_t, decUtil, 28);

// MARK: - Version words

// The caller writes the struct's size and version into its first word; the library trusts nothing else.
#define NVML_MEMORY_V2 0x02000028u
#define NVML_PCI_INFO_EXT_V1 0x01000040u
#define NVML_PROCESS_DETAIL_LIST_V1 0x01000018u
#define NVML_GPU_INSTANCE_PROFILE_INFO_V2 0x02000098u
#define NVML_GPU_INSTANCE_PROFILE_INFO_V3 0x03000098u
#define NVML_COMPUTE_INSTANCE_PROFILE_INFO_V2 0x02000088u
#define NVML_COMPUTE_INSTANCE_PROFILE_INFO_V3 0x0300008Cu
#define NVML_UUID_V1 0x01000034u

#define NVML_VERSION_WORD(word, type, version) \
    _Static_assert((word) == (sizeof(type) | ((version) << 24)), "version word of " #type)
NVML_VERSION_WORD(NVML_MEMORY_V2, nvmlMemory_v2_t, 2u);
NVML_VERSION_WORD(NVML_PCI_INFO_EXT_V1, nvmlPciInfoExt_v1_t, 1u);
NVML_VERSION_WORD(NVML_PROCESS_DETAIL_LIST_V1, nvmlProcessDetailList_v1_t, 1u);
NVML_VERSION_WORD(NVML_GPU_INSTANCE_PROFILE_INFO_V2, nvmlGpuInstanceProfileInfo_v2_t, 2u);
NVML_VERSION_WORD(NVML_GPU_INSTANCE_PROFILE_INFO_V3, nvmlGpuInstanceProfileInfo_v3_t, 3u);
NVML_VERSION_WORD(NVML_COMPUTE_INSTANCE_PROFILE_INFO_V2, nvmlComputeInstanceProfileInfo_v2_t, 2u);
NVML_VERSION_WORD(NVML_COMPUTE_INSTANCE_PROFILE_INFO_V3, nvmlComputeInstanceProfileInfo_v3_t, 3u);
NVML_VERSION_WORD(NVML_UUID_V1, nvmlUUID_v1_t, 1u);

// MARK: - Functions

// One declaration and one type, from one list of parameters.
#define NVML_CALL(name, ...)                \
    nvmlReturn_t name(__VA_ARGS__);         \
    typedef nvmlReturn_t (*name##_f)(__VA_ARGS__)

// Library and system.
NVML_CALL(nvmlInit, void);
NVML_CALL(nvmlInit_v2, void);
NVML_CALL(nvmlInitWithFlags, nvml_u32 flags);
NVML_CALL(nvmlShutdown, void);
const char *nvmlErrorString(nvmlReturn_t result);
typedef const char *(*nvmlErrorString_f)(nvmlReturn_t result);
NVML_CALL(nvmlSystemGetDriverVersion, char *version, nvml_u32 length);
NVML_CALL(nvmlSystemGetNVMLVersion, char *version, nvml_u32 length);
NVML_CALL(nvmlSystemGetCudaDriverVersion, int *version);
NVML_CALL(nvmlSystemGetCudaDriverVersion_v2, int *version);
// A table of functions without names, which the vendor's own tool asks for by a 16-byte id.
NVML_CALL(nvmlInternalGetExportTable, const void **table, const void *guid);

// Devices.
NVML_CALL(nvmlDeviceGetCount, nvml_u32 *count);
NVML_CALL(nvmlDeviceGetCount_v2, nvml_u32 *count);
NVML_CALL(nvmlDeviceGetHandleByIndex, nvml_u32 index, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetHandleByIndex_v2, nvml_u32 index, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetHandleBySerial, const char *serial, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetHandleByUUID, const char *uuid, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetHandleByUUIDV, const nvmlUUID_t *uuid, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetHandleByPciBusId, const char *busId, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetHandleByPciBusId_v2, const char *busId, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetName, nvmlDevice_t device, char *name, nvml_u32 length);
NVML_CALL(nvmlDeviceGetIndex, nvmlDevice_t device, nvml_u32 *index);
NVML_CALL(nvmlDeviceGetMinorNumber, nvmlDevice_t device, nvml_u32 *minor);
NVML_CALL(nvmlDeviceGetUUID, nvmlDevice_t device, char *uuid, nvml_u32 length);
NVML_CALL(nvmlDeviceGetSerial, nvmlDevice_t device, char *serial, nvml_u32 length);
NVML_CALL(nvmlDeviceGetPciInfo, nvmlDevice_t device, nvmlPciInfo_v2_t *pci);
NVML_CALL(nvmlDeviceGetPciInfo_v2, nvmlDevice_t device, nvmlPciInfo_v2_t *pci);
NVML_CALL(nvmlDeviceGetPciInfo_v3, nvmlDevice_t device, nvmlPciInfo_t *pci);
NVML_CALL(nvmlDeviceGetPciInfoExt, nvmlDevice_t device, nvmlPciInfoExt_t *pci);
NVML_CALL(nvmlDeviceGetMemoryInfo, nvmlDevice_t device, nvmlMemory_t *memory);
NVML_CALL(nvmlDeviceGetMemoryInfo_v2, nvmlDevice_t device, nvmlMemory_v2_t *memory);
NVML_CALL(nvmlDeviceGetBAR1MemoryInfo, nvmlDevice_t device, nvmlBAR1Memory_t *memory);
NVML_CALL(nvmlDeviceGetArchitecture, nvmlDevice_t device, nvml_u32 *architecture);
NVML_CALL(nvmlDeviceGetCudaComputeCapability, nvmlDevice_t device, int *major, int *minor);
NVML_CALL(nvmlDeviceGetPersistenceMode, nvmlDevice_t device, nvmlEnableState_t *mode);
NVML_CALL(nvmlDeviceSetPersistenceMode, nvmlDevice_t device, nvmlEnableState_t mode);
NVML_CALL(nvmlDeviceGetComputeMode, nvmlDevice_t device, nvmlComputeMode_t *mode);
NVML_CALL(nvmlDeviceSetComputeMode, nvmlDevice_t device, nvmlComputeMode_t mode);
NVML_CALL(nvmlDeviceGetEccMode, nvmlDevice_t device, nvmlEnableState_t *current, nvmlEnableState_t *pending);
NVML_CALL(nvmlDeviceGetUtilizationRates, nvmlDevice_t device, nvmlUtilization_t *utilization);
NVML_CALL(nvmlDeviceGetNumGpuCores, nvmlDevice_t device, nvml_u32 *count);
NVML_CALL(nvmlDeviceGetFieldValues, nvmlDevice_t device, int count, nvmlFieldValue_t *values);
NVML_CALL(nvmlDeviceGetDriverModel, nvmlDevice_t device, nvml_u32 *current, nvml_u32 *pending);
NVML_CALL(nvmlDeviceGetDriverModel_v2, nvmlDevice_t device, nvml_u32 *current, nvml_u32 *pending);
NVML_CALL(nvmlDeviceRemoveGpu, nvmlPciInfo_t *pci);
NVML_CALL(nvmlDeviceRemoveGpu_v2, nvmlPciInfo_t *pci, nvml_u32 gpuState, nvml_u32 linkState);
NVML_CALL(nvmlGpmMigSampleGet, nvmlDevice_t device, nvml_u32 gpuInstanceId, nvmlGpmSample_t sample);

// Processes. The first spelling fills entries of 16 bytes, the later ones of 24.
NVML_CALL(nvmlDeviceGetComputeRunningProcesses, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_v1_t *infos);
NVML_CALL(nvmlDeviceGetComputeRunningProcesses_v2, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_v2_t *infos);
NVML_CALL(nvmlDeviceGetComputeRunningProcesses_v3, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_t *infos);
NVML_CALL(nvmlDeviceGetGraphicsRunningProcesses, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_v1_t *infos);
NVML_CALL(nvmlDeviceGetGraphicsRunningProcesses_v2, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_v2_t *infos);
NVML_CALL(nvmlDeviceGetGraphicsRunningProcesses_v3, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_t *infos);
NVML_CALL(nvmlDeviceGetMPSComputeRunningProcesses, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_v1_t *infos);
NVML_CALL(
    nvmlDeviceGetMPSComputeRunningProcesses_v2, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_v2_t *infos);
NVML_CALL(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvmlDevice_t device, nvml_u32 *count, nvmlProcessInfo_t *infos);
NVML_CALL(nvmlDeviceGetRunningProcessDetailList, nvmlDevice_t device, nvmlProcessDetailList_t *list);

// Events.
NVML_CALL(nvmlEventSetCreate, nvmlEventSet_t *set);
NVML_CALL(nvmlEventSetFree, nvmlEventSet_t set);
NVML_CALL(nvmlDeviceGetSupportedEventTypes, nvmlDevice_t device, nvml_u64 *types);
NVML_CALL(nvmlDeviceRegisterEvents, nvmlDevice_t device, nvml_u64 types, nvmlEventSet_t set);
NVML_CALL(nvmlEventSetWait, nvmlEventSet_t set, nvmlEventData_t *data, nvml_u32 milliseconds);
NVML_CALL(nvmlEventSetWait_v2, nvmlEventSet_t set, nvmlEventData_t *data, nvml_u32 milliseconds);

// MIG mode. Success alone does not mean that the mode became active: `activationStatus` and the mode itself tell.
NVML_CALL(nvmlDeviceSetMigMode, nvmlDevice_t device, nvml_u32 mode, nvmlReturn_t *activationStatus);
NVML_CALL(nvmlDeviceGetMigMode, nvmlDevice_t device, nvml_u32 *current, nvml_u32 *pending);

// GPU instances. `kind` is one of NVML_GPU_INSTANCE_PROFILE_*, `profileId` the id that the profile's info tells.
NVML_CALL(nvmlDeviceGetGpuInstanceProfileInfo, nvmlDevice_t device, nvml_u32 kind, nvmlGpuInstanceProfileInfo_t *info);
NVML_CALL(
    nvmlDeviceGetGpuInstanceProfileInfoV, nvmlDevice_t device, nvml_u32 kind, nvmlGpuInstanceProfileInfo_v2_t *info);
NVML_CALL(
    nvmlDeviceGetGpuInstanceProfileInfoByIdV, nvmlDevice_t device, nvml_u32 profileId,
    nvmlGpuInstanceProfileInfo_v2_t *info);
NVML_CALL(
    nvmlDeviceGetGpuInstancePossiblePlacements, nvmlDevice_t device, nvml_u32 profileId,
    nvmlGpuInstancePlacement_t *placements, nvml_u32 *count);
NVML_CALL(
    nvmlDeviceGetGpuInstancePossiblePlacements_v2, nvmlDevice_t device, nvml_u32 profileId,
    nvmlGpuInstancePlacement_t *placements, nvml_u32 *count);
NVML_CALL(nvmlDeviceGetGpuInstanceRemainingCapacity, nvmlDevice_t device, nvml_u32 profileId, nvml_u32 *count);
NVML_CALL(nvmlDeviceCreateGpuInstance, nvmlDevice_t device, nvml_u32 profileId, nvmlGpuInstance_t *gpuInstance);
NVML_CALL(
    nvmlDeviceCreateGpuInstanceWithPlacement, nvmlDevice_t device, nvml_u32 profileId,
    const nvmlGpuInstancePlacement_t *placement, nvmlGpuInstance_t *gpuInstance);
NVML_CALL(nvmlGpuInstanceDestroy, nvmlGpuInstance_t gpuInstance);
// `count` is told, never asked: the array must hold as many as the profile allows.
NVML_CALL(
    nvmlDeviceGetGpuInstances, nvmlDevice_t device, nvml_u32 profileId, nvmlGpuInstance_t *gpuInstances,
    nvml_u32 *count);
NVML_CALL(nvmlDeviceGetGpuInstanceById, nvmlDevice_t device, nvml_u32 id, nvmlGpuInstance_t *gpuInstance);
NVML_CALL(nvmlGpuInstanceGetInfo, nvmlGpuInstance_t gpuInstance, nvmlGpuInstanceInfo_t *info);

// Compute instances.
NVML_CALL(
    nvmlGpuInstanceGetComputeInstanceProfileInfo, nvmlGpuInstance_t gpuInstance, nvml_u32 kind, nvml_u32 engineProfile,
    nvmlComputeInstanceProfileInfo_t *info);
NVML_CALL(
    nvmlGpuInstanceGetComputeInstanceProfileInfoV, nvmlGpuInstance_t gpuInstance, nvml_u32 kind, nvml_u32 engineProfile,
    nvmlComputeInstanceProfileInfo_v2_t *info);
NVML_CALL(
    nvmlGpuInstanceGetComputeInstanceRemainingCapacity, nvmlGpuInstance_t gpuInstance, nvml_u32 profileId,
    nvml_u32 *count);
NVML_CALL(
    nvmlGpuInstanceGetComputeInstancePossiblePlacements, nvmlGpuInstance_t gpuInstance, nvml_u32 profileId,
    nvmlComputeInstancePlacement_t *placements, nvml_u32 *count);
NVML_CALL(
    nvmlGpuInstanceCreateComputeInstance, nvmlGpuInstance_t gpuInstance, nvml_u32 profileId,
    nvmlComputeInstance_t *computeInstance);
NVML_CALL(
    nvmlGpuInstanceCreateComputeInstanceWithPlacement, nvmlGpuInstance_t gpuInstance, nvml_u32 profileId,
    const nvmlComputeInstancePlacement_t *placement, nvmlComputeInstance_t *computeInstance);
NVML_CALL(nvmlComputeInstanceDestroy, nvmlComputeInstance_t computeInstance);
NVML_CALL(
    nvmlGpuInstanceGetComputeInstances, nvmlGpuInstance_t gpuInstance, nvml_u32 profileId,
    nvmlComputeInstance_t *computeInstances, nvml_u32 *count);
NVML_CALL(
    nvmlGpuInstanceGetComputeInstanceById, nvmlGpuInstance_t gpuInstance, nvml_u32 id,
    nvmlComputeInstance_t *computeInstance);
NVML_CALL(nvmlComputeInstanceGetInfo, nvmlComputeInstance_t computeInstance, nvmlComputeInstanceInfo_v1_t *info);
NVML_CALL(nvmlComputeInstanceGetInfo_v2, nvmlComputeInstance_t computeInstance, nvmlComputeInstanceInfo_t *info);

// MIG devices.
NVML_CALL(nvmlDeviceIsMigDeviceHandle, nvmlDevice_t device, nvml_u32 *isMigDevice);
NVML_CALL(nvmlDeviceGetGpuInstanceId, nvmlDevice_t migDevice, nvml_u32 *id);
NVML_CALL(nvmlDeviceGetComputeInstanceId, nvmlDevice_t migDevice, nvml_u32 *id);
NVML_CALL(nvmlDeviceGetMaxMigDeviceCount, nvmlDevice_t device, nvml_u32 *count);
NVML_CALL(nvmlDeviceGetMigDeviceHandleByIndex, nvmlDevice_t device, nvml_u32 index, nvmlDevice_t *migDevice);
NVML_CALL(nvmlDeviceGetDeviceHandleFromMigDeviceHandle, nvmlDevice_t migDevice, nvmlDevice_t *device);
NVML_CALL(nvmlDeviceGetAttributes, nvmlDevice_t migDevice, nvmlDeviceAttributes_t *attributes);
NVML_CALL(nvmlDeviceGetAttributes_v2, nvmlDevice_t migDevice, nvmlDeviceAttributes_t *attributes);

// What tools that show everything also ask for. Parameters that the library's header gives an enum are numbers here,
// and layouts that nothing here fills are without type.
NVML_CALL(nvmlGetExcludedDeviceCount, nvml_u32 *count);
NVML_CALL(nvmlSystemGetProcessName, nvml_u32 pid, char *name, nvml_u32 length);
NVML_CALL(nvmlDeviceGetDisplayActive, nvmlDevice_t device, nvmlEnableState_t *isActive);
NVML_CALL(nvmlDeviceGetDisplayMode, nvmlDevice_t device, nvmlEnableState_t *mode);
NVML_CALL(nvmlDeviceGetVirtualizationMode, nvmlDevice_t device, nvml_u32 *mode);
NVML_CALL(
    nvmlDeviceGetTotalEccErrors, nvmlDevice_t device, nvml_u32 errorType, nvml_u32 counterType, nvml_u64 *count);
NVML_CALL(
    nvmlDeviceGetMemoryErrorCounter, nvmlDevice_t device, nvml_u32 errorType, nvml_u32 counterType, nvml_u32 location,
    nvml_u64 *count);
NVML_CALL(nvmlDeviceGetSramEccErrorStatus, nvmlDevice_t device, void *status);
NVML_CALL(nvmlDeviceGetRetiredPages, nvmlDevice_t device, nvml_u32 cause, nvml_u32 *count, nvml_u64 *addresses);
NVML_CALL(nvmlDeviceGetRetiredPagesPendingStatus, nvmlDevice_t device, nvmlEnableState_t *isPending);
NVML_CALL(
    nvmlDeviceGetRemappedRows, nvmlDevice_t device, nvml_u32 *corrected, nvml_u32 *uncorrected, nvml_u32 *isPending,
    nvml_u32 *hasFailed);
NVML_CALL(nvmlDeviceGetTemperature, nvmlDevice_t device, nvml_u32 sensor, nvml_u32 *degrees);
NVML_CALL(nvmlDeviceGetTemperatureThreshold, nvmlDevice_t device, nvml_u32 threshold, nvml_u32 *degrees);
NVML_CALL(nvmlDeviceGetFanSpeed, nvmlDevice_t device, nvml_u32 *percent);
NVML_CALL(nvmlDeviceGetPerformanceState, nvmlDevice_t device, nvml_u32 *state);
NVML_CALL(nvmlDeviceGetPowerState, nvmlDevice_t device, nvml_u32 *state);
NVML_CALL(nvmlDeviceGetPowerUsage, nvmlDevice_t device, nvml_u32 *milliwatts);
NVML_CALL(nvmlDeviceGetPowerManagementMode, nvmlDevice_t device, nvmlEnableState_t *mode);
NVML_CALL(nvmlDeviceGetPowerManagementLimit, nvmlDevice_t device, nvml_u32 *milliwatts);
NVML_CALL(nvmlDeviceGetPowerManagementDefaultLimit, nvmlDevice_t device, nvml_u32 *milliwatts);
NVML_CALL(nvmlDeviceGetPowerManagementLimitConstraints, nvmlDevice_t device, nvml_u32 *least, nvml_u32 *most);
NVML_CALL(nvmlDeviceGetEnforcedPowerLimit, nvmlDevice_t device, nvml_u32 *milliwatts);
NVML_CALL(nvmlDeviceGetClock, nvmlDevice_t device, nvml_u32 clock, nvml_u32 which, nvml_u32 *megahertz);
NVML_CALL(nvmlDeviceGetClockInfo, nvmlDevice_t device, nvml_u32 clock, nvml_u32 *megahertz);
NVML_CALL(nvmlDeviceGetMaxClockInfo, nvmlDevice_t device, nvml_u32 clock, nvml_u32 *megahertz);
NVML_CALL(nvmlDeviceGetApplicationsClock, nvmlDevice_t device, nvml_u32 clock, nvml_u32 *megahertz);
NVML_CALL(nvmlDeviceGetDefaultApplicationsClock, nvmlDevice_t device, nvml_u32 clock, nvml_u32 *megahertz);
NVML_CALL(nvmlDeviceGetSupportedMemoryClocks, nvmlDevice_t device, nvml_u32 *count, nvml_u32 *megahertz);
NVML_CALL(nvmlDeviceGetSupportedClocksThrottleReasons, nvmlDevice_t device, nvml_u64 *reasons);
NVML_CALL(
    nvmlDeviceGetAutoBoostedClocksEnabled, nvmlDevice_t device, nvmlEnableState_t *isEnabled,
    nvmlEnableState_t *isDefault);
NVML_CALL(nvmlDeviceGetEncoderUtilization, nvmlDevice_t device, nvml_u32 *percent, nvml_u32 *microseconds);
NVML_CALL(nvmlDeviceGetDecoderUtilization, nvmlDevice_t device, nvml_u32 *percent, nvml_u32 *microseconds);
NVML_CALL(nvmlDeviceGetJpgUtilization, nvmlDevice_t device, nvml_u32 *percent, nvml_u32 *microseconds);
NVML_CALL(nvmlDeviceGetOfaUtilization, nvmlDevice_t device, nvml_u32 *percent, nvml_u32 *microseconds);
NVML_CALL(
    nvmlDeviceGetEncoderStats, nvmlDevice_t device, nvml_u32 *sessions, nvml_u32 *framesPerSecond,
    nvml_u32 *microseconds);
NVML_CALL(nvmlDeviceGetFBCStats, nvmlDevice_t device, void *statistics);
NVML_CALL(
    nvmlDeviceGetSamples, nvmlDevice_t device, nvml_u32 kind, nvml_u64 lastSeen, nvml_u32 *valueType, nvml_u32 *count,
    void *samples);
NVML_CALL(
    nvmlDeviceGetProcessUtilization, nvmlDevice_t device, nvmlProcessUtilizationSample_t *samples, nvml_u32 *count,
    nvml_u64 lastSeen);
NVML_CALL(nvmlDeviceGetAccountingMode, nvmlDevice_t device, nvmlEnableState_t *mode);
NVML_CALL(nvmlDeviceGetAccountingBufferSize, nvmlDevice_t device, nvml_u32 *size);
NVML_CALL(nvmlDeviceGetAccountingPids, nvmlDevice_t device, nvml_u32 *count, nvml_u32 *pids);
NVML_CALL(nvmlDeviceGetCurrPcieLinkGeneration, nvmlDevice_t device, nvml_u32 *generation);
NVML_CALL(nvmlDeviceGetMaxPcieLinkGeneration, nvmlDevice_t device, nvml_u32 *generation);
NVML_CALL(nvmlDeviceGetGpuMaxPcieLinkGeneration, nvmlDevice_t device, nvml_u32 *generation);
NVML_CALL(nvmlDeviceGetCurrPcieLinkWidth, nvmlDevice_t device, nvml_u32 *width);
NVML_CALL(nvmlDeviceGetMaxPcieLinkWidth, nvmlDevice_t device, nvml_u32 *width);
NVML_CALL(nvmlDeviceGetPcieReplayCounter, nvmlDevice_t device, nvml_u32 *count);
NVML_CALL(nvmlDeviceGetPcieThroughput, nvmlDevice_t device, nvml_u32 direction, nvml_u32 *kilobytes);
NVML_CALL(nvmlDeviceGetBridgeChipInfo, nvmlDevice_t device, void *hierarchy);
NVML_CALL(nvmlDeviceGetBrand, nvmlDevice_t device, nvml_u32 *brand);
NVML_CALL(nvmlDeviceGetBoardId, nvmlDevice_t device, nvml_u32 *id);
NVML_CALL(nvmlDeviceGetBoardPartNumber, nvmlDevice_t device, char *number, nvml_u32 length);
NVML_CALL(nvmlDeviceGetMultiGpuBoard, nvmlDevice_t device, nvml_u32 *isMultiGpu);
NVML_CALL(nvmlDeviceGetModuleId, nvmlDevice_t device, nvml_u32 *id);
NVML_CALL(nvmlDeviceGetVbiosVersion, nvmlDevice_t device, char *version, nvml_u32 length);
NVML_CALL(nvmlDeviceGetInforomImageVersion, nvmlDevice_t device, char *version, nvml_u32 length);
NVML_CALL(nvmlDeviceGetInforomVersion, nvmlDevice_t device, nvml_u32 object, char *version, nvml_u32 length);
NVML_CALL(nvmlDeviceValidateInforom, nvmlDevice_t device);
NVML_CALL(nvmlDeviceGetLastBBXFlushTime, nvmlDevice_t device, nvml_u64 *time, nvml_u32 *microseconds);
NVML_CALL(nvmlDeviceGetGspFirmwareMode, nvmlDevice_t device, nvml_u32 *isEnabled, nvml_u32 *isDefault);
NVML_CALL(nvmlDeviceGetGspFirmwareVersion, nvmlDevice_t device, char *version);
NVML_CALL(nvmlDeviceGetGpuOperationMode, nvmlDevice_t device, nvml_u32 *current, nvml_u32 *pending);
NVML_CALL(nvmlDeviceGetHostVgpuMode, nvmlDevice_t device, nvml_u32 *mode);
NVML_CALL(nvmlDeviceGetGridLicensableFeatures_v4, nvmlDevice_t device, void *features);
NVML_CALL(nvmlDeviceGetConfComputeProtectedMemoryUsage, nvmlDevice_t device, nvmlMemory_t *memory);
NVML_CALL(nvmlDeviceGetGpuFabricInfo, nvmlDevice_t device, void *fabric);

#undef NVML_CALL
#undef NVML_VERSION_WORD
#undef NVML_OFFSET
#undef NVML_SIZE
