"""Cinder driver for the volumes of servers on nova's fake compute host."""

from cinder.volume import driver

# GiB
CAPACITY = 1024 * 1024


class FakeVolumeDriver(driver.VolumeDriver):
    """Keeps nothing: volumes are there in cinder's database alone, and hold an image as soon as they are asked to."""

    VERSION = '1.0'

    def check_for_setup_error(self):
        pass

    def create_volume(self, volume):
        pass

    def create_cloned_volume(self, volume, src_vref):
        pass

    def clone_image(self, context, volume, image_location, image_meta, image_service):
        return {}, True

    def extend_volume(self, volume, new_size):
        pass

    def delete_volume(self, volume):
        pass

    def create_snapshot(self, snapshot):
        pass

    def create_volume_from_snapshot(self, volume, snapshot):
        pass

    def delete_snapshot(self, snapshot):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {'driver_volume_type': 'fake', 'data': {'volume_id': volume.id}}

    def terminate_connection(self, volume, connector, **kwargs):
        pass

    def _update_volume_stats(self):
        self._stats = {
            'volume_backend_name': self.configuration.volume_backend_name,
            'vendor_name': 'ouseful.coursevm',
            'driver_version': self.VERSION,
            'storage_protocol': 'fake',
            'total_capacity_gb': CAPACITY,
            'free_capacity_gb': CAPACITY,
            'reserved_percentage': 0,
        }
