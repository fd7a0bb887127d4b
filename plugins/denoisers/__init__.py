"""Denoisers: subclasses of `dprdm.public.denoiser.Denoiser`."""
