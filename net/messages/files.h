// The file system as clients and gateways see it. Paths are absolute; what is described as a record travels as the
// bytes in which node/files/ keeps it, format first.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/codec.h"
#include "base/id.h"
#include "net/message_row.h"

namespace vortex::net {

using OperationName = std::array<std::uint8_t, 16>;

// Under which conditions a change is to be made, and under which name it is made once however often it is sent.
struct ChangeTerms {
  bool absent = false;
  std::optional<std::uint64_t> version;
  std::optional<std::array<std::uint8_t, 16>> etag;
  std::optional<OperationName> operation;
  std::vector<OperationName> settled;  // in the same directory, and need not be remembered any more
  bool again = false;                  // it may have been sent before
  VORTEX_FIELDS(absent, version, etag, operation, settled, again)
};

struct FileResponse {
  ByteVector inode;  // record
  VORTEX_FIELDS(inode)
};

struct OpenFileRequest {
  std::string path;
  bool follow = true;    // a symbolic link at the end
  bool content = false;  // of a small file, too
  VORTEX_FIELDS(path, follow, content)
};
struct OpenFileResponse {
  ByteVector inode;  // record
  std::optional<ByteVector> content;
  VORTEX_FIELDS(inode, content)
};

struct ListFilesRequest {
  std::string path;
  std::string after;  // names above this one
  std::uint32_t max = 1000;
  bool details = false;
  VORTEX_FIELDS(path, after, max, details)
};
struct ListedFile {
  std::string name;
  Id id;
  std::uint8_t type = 0;
  ByteVector inode;  // record; empty without details
  VORTEX_FIELDS(name, id, type, inode)
};
struct ListFilesResponse {
  std::vector<ListedFile> entries;
  bool more = false;
  VORTEX_FIELDS(entries, more)
};

// A file small enough to live with its name. `too_large` where the directory's policy wants chunks.
struct StoreFileRequest {
  std::string path;
  ByteVector content;
  ByteVector attributes;  // fields of Attributes
  ChangeTerms terms;
  VORTEX_FIELDS(path, content, attributes, terms)
};
struct StoreFilesRequest {
  std::vector<StoreFileRequest> files;
  VORTEX_FIELDS(files)
};
struct StoredFileResult {
  std::uint16_t code = 0;  // of the error; 0: stored
  std::string message;
  ByteVector inode;
  VORTEX_FIELDS(code, message, inode)
};
struct StoreFilesResponse {
  std::vector<StoredFileResult> results;  // in the order of the files
  VORTEX_FIELDS(results)
};

struct MakeDirectoryRequest {
  std::string path;
  bool above = false;  // those above it as well, and none is an error that is there
  ByteVector attributes;
  ChangeTerms terms;
  VORTEX_FIELDS(path, above, attributes, terms)
};
struct LinkFileRequest {
  std::string path;
  std::string to;
  ChangeTerms terms;
  VORTEX_FIELDS(path, to, terms)
};
struct MakeSymlinkRequest {
  std::string target;
  std::string path;
  ByteVector attributes;
  ChangeTerms terms;
  VORTEX_FIELDS(target, path, attributes, terms)
};
struct RenameFileRequest {
  std::string path;
  std::string to;
  bool no_replace = false;
  ChangeTerms terms;
  VORTEX_FIELDS(path, to, no_replace, terms)
};
struct RenameFileResponse {
  VORTEX_FIELDS()
};

enum class RemoveWhat : std::uint8_t { file = 0, directory = 1, tree = 2 };
constexpr RemoveWhat max_enum_value(RemoveWhat) { return RemoveWhat::tree; }
struct RemoveFileRequest {
  std::string path;
  RemoveWhat what = RemoveWhat::file;
  std::uint64_t max = 0;  // entries of a tree; the answer says whether that was all
  ChangeTerms terms;
  VORTEX_FIELDS(path, what, max, terms)
};
struct RemoveFileResponse {
  std::uint64_t entries = 0;
  bool done = false;
  VORTEX_FIELDS(entries, done)
};

struct SetAttributesRequest {
  std::string path;
  bool follow = true;
  ByteVector change;  // fields of AttributeChange
  ChangeTerms terms;
  VORTEX_FIELDS(path, follow, change, terms)
};

struct UploadId {
  Id place;
  Id id;
  VORTEX_FIELDS(place, id)
};
struct OpenUploadRequest {
  std::string path;
  std::uint8_t replicas = 0;  // wanted of the chunks; 0: as many as the directory's policy says
  VORTEX_FIELDS(path, replicas)
};
struct OpenUploadResponse {
  UploadId upload;
  ByteVector policy;            // fields of FilePolicy
  std::uint8_t copies_min = 0;  // that must be durable
  VORTEX_FIELDS(upload, policy, copies_min)
};
struct UploadResponse {
  VORTEX_FIELDS()
};
struct RenewUploadRequest {
  UploadId upload;
  VORTEX_FIELDS(upload)
};
using RenewUploadResponse = UploadResponse;
struct AddCopiesRequest {
  UploadId upload;
  std::vector<ByteVector> copies;  // fields of StoredCopies, with receipts as their holders sealed them
  VORTEX_FIELDS(upload, copies)
};
using AddCopiesResponse = UploadResponse;
// Chunks of the file that `path` names: they are there, and are used once more.
struct AddReferencesRequest {
  UploadId upload;
  std::string path;
  std::vector<Id> chunks;
  VORTEX_FIELDS(upload, path, chunks)
};
using AddReferencesResponse = UploadResponse;
struct CommitUploadRequest {
  std::string path;
  UploadId upload;
  ByteVector manifest;         // fields of Manifest
  bool keeps_uploads = false;  // an edit: the ETag in the terms is that of the content which it was made from
  ByteVector attributes;
  ChangeTerms terms;
  VORTEX_FIELDS(path, upload, manifest, keeps_uploads, attributes, terms)
};
struct AbortUploadRequest {
  UploadId upload;
  VORTEX_FIELDS(upload)
};
using AbortUploadResponse = UploadResponse;

struct FindChunksRequest {
  std::vector<Id> chunks;
  VORTEX_FIELDS(chunks)
};
struct FindChunksResponse {
  std::vector<ByteVector> records;  // in that order; empty for one without a record
  VORTEX_FIELDS(records)
};

// Without moving a byte of it.
struct CopyFileRequest {
  std::string path;
  std::string to;
  ChangeTerms terms;
  VORTEX_FIELDS(path, to, terms)
};

// Where a name is kept: the place of its entry, of a directory that of its own entries.
struct LocateFileRequest {
  std::string path;
  VORTEX_FIELDS(path)
};
struct LocateFileResponse {
  Id place;
  ByteVector inode;  // record
  VORTEX_FIELDS(place, inode)
};

// clang-format off
#define VORTEX_FILES_MESSAGES(X) \
  X(128, OpenFile,      OpenFileRequest,      OpenFileResponse,      256 * kKiB,    0, 0, frame, true,  client, normal) \
  X(129, ListFiles,     ListFilesRequest,     ListFilesResponse,     kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(130, StoreFile,     StoreFileRequest,     FileResponse,          256 * kKiB,    0, 0, frame, false, client, normal) \
  X(131, StoreFiles,    StoreFilesRequest,    StoreFilesResponse,    kFrameBodyMax, 0, 0, frame, false, client, normal) \
  X(132, MakeDirectory, MakeDirectoryRequest, FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(133, LinkFile,      LinkFileRequest,      FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(134, MakeSymlink,   MakeSymlinkRequest,   FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(135, RenameFile,    RenameFileRequest,    RenameFileResponse,    64 * kKiB,     0, 0, frame, false, client, normal) \
  X(136, RemoveFile,    RemoveFileRequest,    RemoveFileResponse,    64 * kKiB,     0, 0, frame, false, client, normal) \
  X(137, SetAttributes, SetAttributesRequest, FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(138, OpenUpload,    OpenUploadRequest,    OpenUploadResponse,    64 * kKiB,     0, 0, frame, false, client, normal) \
  X(139, RenewUpload,   RenewUploadRequest,   RenewUploadResponse,   1 * kKiB,      0, 0, frame, true,  client, normal) \
  X(140, AddCopies,     AddCopiesRequest,     AddCopiesResponse,     256 * kKiB,    0, 0, frame, true,  client, normal) \
  X(141, AddReferences, AddReferencesRequest, AddReferencesResponse, 64 * kKiB,     0, 0, frame, true,  client, normal) \
  X(142, CommitUpload,  CommitUploadRequest,  FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(143, AbortUpload,   AbortUploadRequest,   AbortUploadResponse,   1 * kKiB,      0, 0, frame, true,  client, normal) \
  X(144, FindChunks,    FindChunksRequest,    FindChunksResponse,    kFrameBodyMax, 0, 0, frame, true,  client, normal) \
  X(145, CopyFile,      CopyFileRequest,      FileResponse,          128 * kKiB,    0, 0, frame, false, client, normal) \
  X(146, LocateFile,    LocateFileRequest,    LocateFileResponse,    256 * kKiB,    0, 0, frame, true,  client, normal)
// clang-format on
VORTEX_FILES_MESSAGES(VORTEX_MESSAGE_TAG)

}  // namespace vortex::net
