/* SPDX-License-Identifier: Apache-2.0 */
#include "vfs_drop.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define SECTOR 512
#define FILES_MAX 8
#define SLOTS 16384 /* sectors between two syncs, twice */

/* What the disk surely holds of a sector that was written since the last sync. */
struct sector {
	int64_t number; /* + 1; 0: free slot */
	size_t len;     /* bytes of it inside the file then */
	uint8_t *bytes;
};

/* By path, since several handles may have one file open. */
struct disk {
	char path[256];
	int64_t synced_size;
	struct sector *sectors; /* SLOTS */
	uint8_t *bytes;         /* of SLOTS / 2 sectors */
	size_t used;
	unsigned open; /* handles */
};

struct drop_file {
	sqlite3_file base;
	sqlite3_file *real;
	struct disk *disk; /* NULL: a temporary file */
};

static struct {
	sqlite3_vfs vfs;
	sqlite3_vfs *real;
	struct disk disks[FILES_MAX];
	uint64_t writes;
	uint64_t syncs;
	uint64_t write_at;
	uint64_t sync_at;
	enum vfs_drop_fault write_fault;
	enum vfs_drop_fault sync_fault;
	bool dead;
	bool full;
	bool lies;
	char beside[300]; /* "": none */
	int64_t beside_size;
	uint32_t seed;
} drop;

static struct drop_file *
file_of(sqlite3_file *file)
{
	return (struct drop_file *)(void *)file;
}

static uint32_t
coin(void)
{
	drop.seed = drop.seed * 1664525u + 1013904223u;
	return drop.seed >> 16;
}

static struct sector *
sector_slot(struct disk *disk, int64_t number)
{
	size_t at = (size_t)((uint64_t)number * 0x9e3779b97f4a7c15u >> 40) % SLOTS;

	while (disk->sectors[at].number != 0 && disk->sectors[at].number != number + 1) {
		at = (at + 1) % SLOTS;
	}
	return &disk->sectors[at];
}

/* Keeps what the sectors under [from, from+len) hold, once between two syncs. */
static void
remember(struct drop_file *file, int64_t from, int64_t len)
{
	struct disk *disk = file->disk;
	sqlite3_int64 size = 0;

	(void)file->real->pMethods->xFileSize(file->real, &size);
	for (int64_t n = from / SECTOR; n * SECTOR < from + len; n++) {
		struct sector *sector = sector_slot(disk, n);

		if (sector->number != 0) {
			continue;
		}
		if (disk->used == SLOTS / 2) {
			abort(); /* a test that writes so much without a sync is wrong */
		}
		sector->number = n + 1;
		sector->len = 0;
		sector->bytes = disk->bytes + disk->used++ * SECTOR;
		if (n * SECTOR < size) {
			int64_t left = size - n * SECTOR;

			sector->len = (size_t)(left < SECTOR ? left : SECTOR);
			(void)file->real->pMethods->xRead(file->real, sector->bytes,
			    (int)sector->len, n * SECTOR);
		}
	}
}

static void
disk_synced(struct drop_file *file)
{
	sqlite3_int64 size = 0;

	(void)file->real->pMethods->xFileSize(file->real, &size);
	memset(file->disk->sectors, 0, SLOTS * sizeof(struct sector));
	file->disk->used = 0;
	file->disk->synced_size = size;
}

/* --- file methods --- */

static int
drop_close(sqlite3_file *base)
{
	struct drop_file *file = file_of(base);
	int rc = file->real->pMethods->xClose(file->real);

	if (file->disk != NULL) {
		file->disk->open--;
	}
	free(file->real);
	return rc;
}

static int
drop_read(sqlite3_file *base, void *to, int len, sqlite3_int64 at)
{
	sqlite3_file *real = file_of(base)->real;

	return drop.dead ? SQLITE_IOERR_READ : real->pMethods->xRead(real, to, len, at);
}

static int64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

static int
write_fault(void)
{
	enum vfs_drop_fault fault = VFS_DROP_NONE;

	drop.writes++;
	if (drop.write_at != 0 && drop.writes == drop.write_at) {
		fault = drop.write_fault;
	}
	drop.full = drop.full || fault == VFS_DROP_FULL;
	drop.dead = drop.dead || fault == VFS_DROP_POWER;
	if (drop.dead || fault == VFS_DROP_IO) {
		return SQLITE_IOERR_WRITE;
	}
	if (drop.beside[0] != '\0' && size_of(drop.beside) >= drop.beside_size) {
		return SQLITE_FULL;
	}
	return drop.full ? SQLITE_FULL : SQLITE_OK;
}

static int
drop_write(sqlite3_file *base, const void *from, int len, sqlite3_int64 at)
{
	struct drop_file *file = file_of(base);
	int rc = drop.dead ? SQLITE_IOERR_WRITE : write_fault();

	if (rc == SQLITE_OK) {
		if (file->disk != NULL) {
			remember(file, at, len);
		}
		rc = file->real->pMethods->xWrite(file->real, from, len, at);
	}
	return rc;
}

static int
drop_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct drop_file *file = file_of(base);
	sqlite3_int64 old = 0;

	if (drop.dead) {
		return SQLITE_IOERR_TRUNCATE;
	}
	(void)file->real->pMethods->xFileSize(file->real, &old);
	if (file->disk != NULL && old > size) {
		remember(file, size, old - size);
	}
	return file->real->pMethods->xTruncate(file->real, size);
}

static int
drop_sync(sqlite3_file *base, int flags)
{
	struct drop_file *file = file_of(base);
	enum vfs_drop_fault fault = VFS_DROP_NONE;
	int rc;

	if (drop.dead) {
		return SQLITE_IOERR_FSYNC;
	}
	drop.syncs++;
	if (drop.sync_at != 0 && drop.syncs == drop.sync_at) {
		fault = drop.sync_fault;
	}
	if (fault == VFS_DROP_POWER || fault == VFS_DROP_IO) {
		drop.dead = drop.dead || fault == VFS_DROP_POWER;
		return SQLITE_IOERR_FSYNC;
	}
	rc = file->real->pMethods->xSync(file->real, flags);
	if (rc == SQLITE_OK && file->disk != NULL && !drop.lies) {
		disk_synced(file);
	}
	return rc;
}

static int
drop_size(sqlite3_file *base, sqlite3_int64 *out)
{
	sqlite3_file *real = file_of(base)->real;

	return drop.dead ? SQLITE_IOERR_FSTAT : real->pMethods->xFileSize(real, out);
}

static int
drop_lock(sqlite3_file *base, int level)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xLock(real, level);
}

static int
drop_unlock(sqlite3_file *base, int level)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xUnlock(real, level);
}

static int
drop_reserved(sqlite3_file *base, int *out)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xCheckReservedLock(real, out);
}

static int
drop_control(sqlite3_file *base, int op, void *arg)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xFileControl(real, op, arg);
}

static int
drop_sector_size(sqlite3_file *base)
{
	(void)base;
	return SECTOR;
}

static int
drop_features(sqlite3_file *base)
{
	(void)base;
	return 0; /* a disk that promises nothing */
}

static int
drop_shm_map(sqlite3_file *base, int page, int size, int extend, void volatile **out)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xShmMap(real, page, size, extend, out);
}

static int
drop_shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xShmLock(real, offset, count, flags);
}

static void
drop_shm_barrier(sqlite3_file *base)
{
	sqlite3_file *real = file_of(base)->real;

	real->pMethods->xShmBarrier(real);
}

static int
drop_shm_unmap(sqlite3_file *base, int delete_it)
{
	sqlite3_file *real = file_of(base)->real;

	return real->pMethods->xShmUnmap(real, delete_it);
}

static const sqlite3_io_methods METHODS = {
	.iVersion = 2,
	.xClose = drop_close,
	.xRead = drop_read,
	.xWrite = drop_write,
	.xTruncate = drop_truncate,
	.xSync = drop_sync,
	.xFileSize = drop_size,
	.xLock = drop_lock,
	.xUnlock = drop_unlock,
	.xCheckReservedLock = drop_reserved,
	.xFileControl = drop_control,
	.xSectorSize = drop_sector_size,
	.xDeviceCharacteristics = drop_features,
	.xShmMap = drop_shm_map,
	.xShmLock = drop_shm_lock,
	.xShmBarrier = drop_shm_barrier,
	.xShmUnmap = drop_shm_unmap,
};

/* --- the VFS --- */

static struct disk *
disk_of(const char *path)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct disk *disk = &drop.disks[i];

		if (disk->sectors != NULL && strcmp(disk->path, path) == 0) {
			return disk;
		}
	}
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct disk *disk = &drop.disks[i];
		struct stat st;

		if (disk->sectors == NULL) {
			base_copy(disk->path, path, strlen(path) + 1);
			disk->sectors = base_xcalloc(SLOTS, sizeof(struct sector));
			disk->bytes = base_xcalloc(SLOTS / 2, SECTOR);
			disk->synced_size = stat(path, &st) == 0 ? st.st_size : 0;
			return disk;
		}
	}
	abort();
}

static int
drop_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base, int flags, int *out)
{
	struct drop_file *file = file_of(base);
	int rc;

	(void)vfs;
	file->base.pMethods = NULL;
	if (drop.dead) {
		return SQLITE_CANTOPEN;
	}
	file->real = base_xcalloc(1, (size_t)drop.real->szOsFile);
	rc = drop.real->xOpen(drop.real, name, file->real, flags, out);
	if (rc != SQLITE_OK) {
		free(file->real);
		return rc;
	}
	file->disk = name == NULL ? NULL : disk_of(name);
	if (file->disk != NULL) {
		file->disk->open++;
	}
	file->base.pMethods = &METHODS;
	return SQLITE_OK;
}

static void
disk_forget(struct disk *disk)
{
	if (disk->sectors != NULL && disk->open == 0) {
		free(disk->sectors);
		free(disk->bytes);
		memset(disk, 0, sizeof(*disk));
	}
}

static int
drop_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	(void)vfs;
	if (drop.dead) {
		return SQLITE_IOERR_DELETE;
	}
	for (unsigned i = 0; i < FILES_MAX; i++) {
		if (drop.disks[i].sectors != NULL && strcmp(drop.disks[i].path, path) == 0) {
			disk_forget(&drop.disks[i]);
		}
	}
	return drop.real->xDelete(drop.real, path, sync);
}

const char *
vfs_drop_name(void)
{
	if (drop.real == NULL) {
		drop.real = sqlite3_vfs_find(NULL);
		drop.vfs = *drop.real;
		drop.vfs.szOsFile = (int)sizeof(struct drop_file);
		drop.vfs.zName = "drop";
		drop.vfs.pNext = NULL;
		drop.vfs.xOpen = drop_open;
		drop.vfs.xDelete = drop_delete;
		if (sqlite3_vfs_register(&drop.vfs, 0) != SQLITE_OK) {
			abort();
		}
	}
	return "drop";
}

void
vfs_drop_reset(uint32_t seed)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		disk_forget(&drop.disks[i]);
	}
	drop.writes = 0;
	drop.syncs = 0;
	drop.write_at = 0;
	drop.sync_at = 0;
	drop.dead = false;
	drop.full = false;
	drop.lies = false;
	drop.beside[0] = '\0';
	drop.seed = seed;
}

void
vfs_drop_lie(void)
{
	drop.lies = true;
}

void
vfs_drop_at_write(uint64_t n, enum vfs_drop_fault fault)
{
	drop.write_at = n == 0 ? 0 : drop.writes + n;
	drop.write_fault = fault;
}

void
vfs_drop_at_sync(uint64_t n, enum vfs_drop_fault fault)
{
	drop.sync_at = n == 0 ? 0 : drop.syncs + n;
	drop.sync_fault = fault;
}

void
vfs_drop_full_beside(const char *path)
{
	(void)snprintf(drop.beside, sizeof(drop.beside), "%s", path == NULL ? "" : path);
	drop.beside_size = path == NULL ? 0 : size_of(path);
}

uint64_t
vfs_drop_writes(void)
{
	return drop.writes;
}

uint64_t
vfs_drop_syncs(void)
{
	return drop.syncs;
}

/* What it held before, and zeros where the file has grown since: the length may be on disk without the bytes. */
static void
lose_sector(int fd, const struct sector *sector, int64_t file_size)
{
	uint8_t bytes[SECTOR] = { 0 };
	int64_t at = (sector->number - 1) * SECTOR;
	int64_t len = file_size - at < SECTOR ? file_size - at : SECTOR;

	base_copy(bytes, sector->bytes, sector->len);
	if (len > 0 && pwrite(fd, bytes, (size_t)len, at) != len) {
		abort();
	}
}

static void
lose_disk(struct disk *disk)
{
	int fd = open(disk->path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		return;
	}
	if (fstat(fd, &st) != 0) {
		abort();
	}
	for (size_t i = 0; i < SLOTS; i++) {
		if (disk->sectors[i].number != 0 && coin() % 2 == 0) {
			lose_sector(fd, &disk->sectors[i], st.st_size);
		}
	}
	/* The new length may not have reached the disk either. */
	if (st.st_size > disk->synced_size && coin() % 2 == 0 &&
	    ftruncate(fd, disk->synced_size) != 0) {
		abort();
	}
	(void)close(fd);
}

void
vfs_drop_lose(void)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		struct disk *disk = &drop.disks[i];
		char shm[300];

		if (disk->sectors == NULL) {
			continue;
		}
		lose_disk(disk);
		(void)snprintf(shm, sizeof(shm), "%s-shm", disk->path); /* memory: gone */
		(void)unlink(shm);
	}
	vfs_drop_reset(drop.seed);
}
